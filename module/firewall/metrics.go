package firewall

import (
	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/nftrules"
)

// Metrics implements [metrics.Source].
func (s *Service) Metrics(m *metrics.Set) {
	var t firewall.Stats
	s.with(func(tracker *firewall.Tracker) { t = tracker.Stats() })
	m.Group("firewall")
	m.Add("observed", t.Observed)
	m.Add("attempts", t.Attempts)
	m.Add("accepted", t.Accepted)
	m.Add("rejects", t.Rejects)
	m.Add("spoofed", t.Spoofed)
	m.Add("user_rules", t.Rules)
	m.Add("ignored", t.Ignored)
	m.Add("refused", t.Refused)
	m.Add("verdicts", t.Verdicts)
	m.Add("coalesced", t.Coalesced)
	m.Add("undecided", t.Undecided)
	m.Add("open", t.Open)
	m.Add("overflows", t.Overflows)
	m.Add("unparsed", s.sources.unparsed.Load())
	s.sources.metrics(m, s.deps.Guard.Part("firewall/rules"))
}

// metrics say what the sources have lost, and whether there are any. rules recovers
// from panics at what the kernel says of the rules.
func (s *sources) metrics(m *metrics.Set, rules *guard.Part) {
	if s.nflog != nil {
		m.Add("nflog_lost", s.nflog.Lost())
		m.Add("nflog_malformed", s.nflog.Malformed())
		var answer []byte
		_ = rules.Do(func() []byte { return answer }, func() {
			n, err := nftrules.OverRate(func(reply []byte) {
				answer = reply
				rules.Probe(reply)
			})
			if err == nil { // fails without the rules
				m.Add("over_rate", n)
			}
		})
	}
	m.Flag("nflog_bound", s.nflog != nil && !s.nflogClosed.Load())
	if s.kmsg != nil {
		m.Add("kernel_log_missed", s.kmsg.Missed())
	}
	if len(s.files) == 0 {
		return
	}
	var tooLong, foreign, headless uint64
	for _, f := range s.files {
		tooLong += f.TooLong()
		foreign += f.foreign.Load()
		headless += f.headless.Load()
	}
	m.Add("lines_too_long", tooLong)
	m.Add("lines_of_others", foreign)
	m.Add("lines_of_unknown", headless)
}
