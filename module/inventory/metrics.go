package inventory

import "github.com/qubesbeat/qubesbeat/internal/metrics"

// Metrics implements [metrics.Source].
func (s *Service) Metrics(m *metrics.Set) {
	m.Group("inventory")
	m.Add("qubes", uint64(len(s.index.All())))
	if s.file == nil {
		return
	}
	f := s.file.Stats()
	m.Add("reloads", uint64(f.Reloads))
	m.Add("failures", uint64(f.Failures))
	if s.receiver != nil {
		m.Add("pushed", s.receiver.Taken())
		m.Add("push_refused", s.receiver.Refused())
	}
}
