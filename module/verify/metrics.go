package verify

import (
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// Metrics implements [metrics.Source].
func (s *Service) Metrics(m *metrics.Set) {
	t := s.observer.stats.Load()
	m.Group("verify")
	m.Add("packets", t.Packets)
	m.Add("agree", t.Agree)
	m.Add("against", t.Against)
	m.Add("own", t.Own)
	m.Add("not_judged", t.NotJudged)
	m.Add("others", t.Others)
	m.Add("lost", t.Lost)
	m.Add("untraced", t.Untraced)
	m.Add("subjects", uint64(t.Subjects))
	m.Add("evicted", t.Evicted)
	m.Add("published", s.reported.Load())
	m.Add("alerts", t.Alerts)
	m.Add("fails", t.Reports[judge.Fail])
	if s.receiver != nil {
		m.Add("announced", s.receiver.Taken())
		m.Add("announcements_refused", s.receiver.Refused())
	}
}
