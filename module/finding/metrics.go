package finding

import (
	"github.com/qubesbeat/qubesbeat/internal/metrics"
)

// count makes the counters of the engine public.
func (s *Service) count() {
	s.mu.Lock()
	st := s.engine.Stats()
	s.mu.Unlock()
	s.stats.Store(&st)
}

// Metrics implements [metrics.Source].
func (s *Service) Metrics(m *metrics.Set) {
	m.Group("findings")
	m.Add("published", s.published.Load())
	st, q := s.stats.Load(), s.queue.Stats()
	m.Group("detect")
	m.Add("items", q.In)
	m.Add("dropped", q.Dropped)
	m.Add("observations", st.Observations)
	m.Add("repeated", st.Repeated)
	m.Add("allowed", st.Allowed)
	m.Add("suppressed", st.Suppressed)
	m.Add("over_rate", st.Limited)
	m.Add("subjects", st.Subjects)
	m.Add("subjects_evicted", st.SubjectsEvicted)
	m.Add("entries", st.Entries)
	m.Add("entries_evicted", st.EntriesEvicted)
	m.Add("series", st.Series)
	m.Add("series_evicted", st.SeriesEvicted)
	m.Add("windows", st.Windows)
	m.Add("windows_evicted", st.WindowsEvicted)
	m.Add("lost", s.lost.Load())
}
