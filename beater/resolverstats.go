package beater

import (
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
)

// resolverCounters are absent where there is no resolver.
func (r *run) resolverCounters(c *counterList) {
	if r.dns == nil {
		return
	}
	s := r.dns.Stats()
	c.group = "resolver"
	c.add("received", s.Received)
	for a := range dnsevent.Actions {
		c.add(strings.TrimPrefix(dnsevent.Action(a).String(), "dns-"), s.Actions[a])
	}
	c.add("waiting", s.Waiting)
	c.add("over_rate", s.OverRate)
	c.add("truncated", s.Truncated)
	c.add("unsent", s.Unsent)
	c.add("prefetched", s.Prefetched)
	c.add("udp", s.UDP)
	c.add("tcp", s.TCP)
	c.add("tcp_open", s.TCPOpen)
	c.add("tcp_refused", s.TCPRefused)
	c.add("list_rules", s.Rules)
	c.add("cache_entries", s.Cache.Entries)
	c.add("cache_bytes", s.Cache.Bytes)
	c.add("cache_hits", s.Cache.Hits)
	c.add("cache_misses", s.Cache.Misses)
	c.add("cache_evicted", s.Cache.Evicted)
	r.queryLogCounters(c, &s)
	r.gateCounters(c)
}

// queryLogCounters follow the queries on their way to the output: logged =
// log_written + log_dropped + log_waiting, and log_written = published + held
// where events are on.
func (r *run) queryLogCounters(c *counterList, s *resolver.Stats) {
	w := &r.dns.writer
	c.add("logged", s.Log.In)
	c.add("log_dropped", s.Log.Dropped)
	c.add("log_waiting", s.Log.Waiting)
	c.add("log_written", w.queries.Load())
	c.add("published", w.published.Load())
	c.add("held", uint64(max(0, w.holding.Load())))
	c.add("coalesced", w.coalesced.Load())
	c.add("acked", r.dns.acks.acked.Load())
	c.add("pending", r.dns.acks.pending())
	c.add("filtered", r.dns.acks.filtered.Load())
	c.add("dropped_at_stop", r.dns.acks.dropped.Load())
	c.add("tsv_failures", w.rowFailures.Load())
}

// gateCounters say in every stats event whether the rules of qvm-firewall are
// obeyed.
func (r *run) gateCounters(c *counterList) {
	flag := func(name string, on bool) {
		n := uint64(0)
		if on {
			n = 1
		}
		c.add(name, n)
	}
	w := r.dns.firewall
	flag("qvm_firewall_obeyed", w != nil)
	if w != nil {
		s := w.Stats()
		flag("qubesdb_connected", s.Up)
		c.add("qvm_firewall_clients", s.Clients)
		c.add("qubesdb_failures", s.Failures)
	}
}
