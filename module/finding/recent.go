package finding

import (
	"iter"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/control"
)

// maxRecent is how many findings are remembered for `qubesbeat findings`.
const maxRecent = 512

// recent are the latest findings.
type recent struct {
	list []told
	next int // the oldest in list, once there are maxRecent
}

// told is a finding that was published.
type told struct {
	Document
	dismissed bool
}

// add adds a finding and forgets the oldest if there are too many.
func (r *recent) add(d *Document) {
	if len(r.list) < maxRecent {
		r.list = append(r.list, told{Document: *d})
		return
	}
	r.list[r.next] = told{Document: *d}
	r.next = (r.next + 1) % maxRecent
}

// all returns the findings, the latest first.
func (r *recent) all() iter.Seq[*told] {
	return func(yield func(*told) bool) {
		for i := range r.list {
			if !yield(&r.list[(r.next+len(r.list)-1-i)%len(r.list)]) {
				return
			}
		}
	}
}

// shown returns a finding as the commands show it.
func (t *told) shown() control.Finding {
	f := &t.Finding
	c := control.Finding{ID: f.ID(), At: time.Unix(0, f.At).UTC(), Qube: f.Subject, Rule: f.Rule.String(), Method: f.Way, Level: f.Level.String(), Score: f.Score,
		Reason: t.Reason, Evidence: clean(f.Evidence), Names: clean(f.Names), Domain: f.Domain, Port: f.Port, Dismissed: t.dismissed}
	if t.Qube != nil {
		c.Qube = t.Qube.Name
	}
	if f.Addr.IsValid() {
		c.Address = f.Addr.String()
	}
	return c
}
