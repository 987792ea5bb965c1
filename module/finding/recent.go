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
	id, qube  string
	dismissed bool
	earlier   bool // in another run: there are no names
}

// add adds a finding and forgets the oldest if there are too many.
func (r *recent) add(d *Document) {
	t := told{Document: *d, id: d.ID(), qube: d.Subject}
	if d.Qube != nil {
		t.qube = d.Qube.Name
	}
	r.put(t)
}

// put adds a finding and forgets the oldest if there are too many.
func (r *recent) put(t told) {
	if len(r.list) < maxRecent {
		r.list = append(r.list, t)
		return
	}
	r.list[r.next] = t
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
	c := control.Finding{ID: t.id, At: time.Unix(0, f.At).UTC(), Qube: t.qube, Rule: f.Rule.String(), Method: f.Way, Level: f.Level.String(), Score: f.Score,
		Reason: t.Reason, Evidence: clean(f.Evidence), Names: clean(f.Names), Domain: f.Domain, Port: f.Port, Dismissed: t.dismissed, Earlier: t.earlier}
	if t.earlier {
		c.Reason = "found in an earlier run, of which no names are kept: the event has the sentence"
	}
	if f.Addr.IsValid() {
		c.Address = f.Addr.String()
	}
	return c
}
