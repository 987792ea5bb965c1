package finding

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/control"
)

// maxRecent is how many findings are remembered for `qubesbeat findings`.
const maxRecent = 512

// recent are the latest findings, the oldest first.
type recent struct{ list []told }

// told is a finding that was published.
type told struct {
	finding behaviour.Finding
	shown   control.Finding
}

// add adds a finding and forgets the oldest if there are too many.
func (r *recent) add(f *behaviour.Finding, d *Document) {
	if len(r.list) >= maxRecent {
		r.list = append(r.list[:0], r.list[1:]...)
	}
	shown := control.Finding{ID: f.ID(), At: time.Unix(0, f.At).UTC(), Qube: f.Subject, Rule: f.Rule.String(), Method: f.Way, Level: f.Level.String(), Score: f.Score,
		Reason: d.Reason, Evidence: clean(f.Evidence), Names: clean(f.Names), Domain: f.Domain, Port: f.Port}
	if d.Qube != nil {
		shown.Qube = d.Qube.Name
	}
	if f.Addr.IsValid() {
		shown.Address = f.Addr.String()
	}
	r.list = append(r.list, told{*f, shown})
}
