package localdata

import "github.com/qubesbeat/qubesbeat/internal/dnsmsg"

// Rewrite replaces the end of names: x.From becomes x.To. From itself stays.
type Rewrite struct{ From, To []byte }

// Rewrites are tried in order; the first one that applies counts.
type Rewrites []Rewrite

// Apply returns the rewritten name, nil if no rewrite applies.
func (list Rewrites) Apply(name []byte) []byte {
	for i := range list {
		w := &list[i]
		if n := len(name) - len(w.From); n > 0 && dnsmsg.Below(name, w.From) && n+len(w.To) <= dnsmsg.MaxName {
			return append(append(make([]byte, 0, n+len(w.To)), name[:n]...), w.To...)
		}
	}
	return nil
}
