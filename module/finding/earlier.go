package finding

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/qubesbeat/qubesbeat/internal/atomicfile"
	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

// findingsFile has what is kept of the latest findings, below path.data.
const findingsFile = "behaviour.findings"

// kept is what is kept of a finding, so that it can be dismissed after a restart: like the state, it
// has hashes instead of names.
type kept struct {
	ID        string          `json:"id"`
	Qube      string          `json:"qube"`
	Dismissed bool            `json:"dismissed,omitempty"`
	Trace     behaviour.Trace `json:"trace"`
}

// encode returns the latest findings, the oldest first.
func (r *recent) encode() ([]byte, error) {
	list := make([]kept, len(r.list))
	at := len(r.list)
	for t := range r.all() {
		at--
		list[at] = kept{t.id, t.qube, t.dismissed, t.Trace()}
	}
	return json.Marshal(list)
}

// decode reads what encode has written.
func (r *recent) decode(data []byte) error {
	var list []kept
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	for _, k := range list[max(0, len(list)-maxRecent):] {
		f, err := k.Trace.Finding()
		if err != nil {
			return fmt.Errorf("the finding %q: %w", k.ID, err)
		}
		r.put(told{Document: Document{Finding: f}, id: k.ID, qube: k.Qube, dismissed: k.Dismissed, earlier: true})
	}
	return nil
}

// restoreRecent reads the findings of earlier runs. Those that cannot be read are kept under another
// name.
func (s *Service) restoreRecent() {
	path := filepath.Join(s.conf.DataDir, findingsFile)
	var r recent
	if err := atomicfile.Read(path, r.decode); err != nil {
		s.deps.Logger.Warn("the findings of earlier runs cannot be read, and cannot be dismissed; what there is was kept", "file", path+atomicfile.Aside,
			"error", err.Error())
		return
	}
	s.recent = r
}

// saveRecent writes the latest findings. It is called with mu held.
func (s *Service) saveRecent() error {
	data, err := s.recent.encode()
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(s.conf.DataDir, findingsFile), data)
}
