package beater

import (
	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/nftrules"
)

// counters are absent where there is no firewall.
func (v *verdicts) counters(c *counterList) {
	if v == nil {
		return
	}
	var s firewall.Stats
	v.with(func(t *firewall.Tracker) { s = t.Stats() })
	c.group = "firewall"
	c.add("observed", s.Observed)
	c.add("attempts", s.Attempts)
	c.add("accepted", s.Accepted)
	c.add("rejects", s.Rejects)
	c.add("spoofed", s.Spoofed)
	c.add("user_rules", s.Rules)
	c.add("ignored", s.Ignored)
	c.add("refused", s.Refused)
	c.add("verdicts", s.Verdicts)
	c.add("coalesced", s.Coalesced)
	c.add("undecided", s.Undecided)
	c.add("open", s.Open)
	c.add("overflows", s.Overflows)
	c.add("unparsed", v.unparsed.Load())
	v.sourceCounters(c)
}

// sourceCounters say what the sources have lost, and whether there are any.
func (v *verdicts) sourceCounters(c *counterList) {
	bound, long := uint64(0), uint64(0)
	if v.nflog != nil {
		if !v.deaf.Load() {
			bound = 1
		}
		c.add("nflog_lost", v.nflog.Lost())
		c.add("nflog_malformed", v.nflog.Malformed())
		if n, err := nftrules.OverRate(); err == nil { // without the rules there is none
			c.add("over_rate", n)
		}
	}
	c.add("nflog_bound", bound)
	if v.kmsg != nil {
		c.add("kernel_log_missed", v.kmsg.Missed())
	}
	for _, f := range v.files {
		long += f.TooLong()
	}
	if len(v.files) > 0 {
		c.add("lines_too_long", long)
	}
}
