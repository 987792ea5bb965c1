package dns

import (
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
)

// Metrics implements [metrics.Source].
func (s *Service) Metrics(m *metrics.Set) {
	if s.resolver == nil {
		return
	}
	r := s.resolver.Stats()
	m.Group("resolver")
	m.Add("received", r.Received)
	for a := range dnsevent.Actions {
		m.Add(strings.TrimPrefix(dnsevent.Action(a).String(), "dns-"), r.Actions[a])
	}
	m.Add("waiting", r.Waiting)
	m.Add("over_rate", r.OverRate)
	m.Add("truncated", r.Truncated)
	m.Add("send_failures", r.Unsent)
	m.Add("prefetched", r.Prefetched)
	m.Add("udp", r.UDP)
	m.Add("tcp", r.TCP)
	m.Add("tcp_open", r.TCPOpen)
	m.Add("tcp_refused", r.TCPRefused)
	m.Add("list_rules", r.Rules)
	m.Add("lists_failed", r.ListsFailed)
	m.Add("cache_entries", r.Cache.Entries)
	m.Add("cache_bytes", r.Cache.Bytes)
	m.Add("cache_hits", r.Cache.Hits)
	m.Add("cache_misses", r.Cache.Misses)
	m.Add("cache_evicted", r.Cache.Evicted)
	s.logMetrics(m, &r)
	s.aclMetrics(m)
}

// logMetrics follow the queries on their way to the output: logged = log_written +
// log_dropped + log_waiting + log_lost, and log_written = published + held if events are on.
func (s *Service) logMetrics(m *metrics.Set, r *resolver.Stats) {
	w, d := s.writer, s.deps.Outlet.Delivery()
	m.Add("logged", r.Log.In)
	m.Add("log_dropped", r.Log.Dropped)
	m.Add("log_waiting", r.Log.Waiting)
	m.Add("log_written", w.queries.Load())
	m.Add("log_lost", w.lost.Load())
	m.Add("published", w.published.Load())
	m.Add("held", uint64(max(0, w.holding.Load())))
	m.Add("coalesced", w.coalesced.merged.Load())
	m.Add("summarized", d.Summarized)
	m.Add("acked", d.Acked)
	m.Add("pending", d.Pending)
	m.Add("filtered", d.Filtered)
	m.Add("dropped_at_stop", d.Dropped)
	m.Add("tsv_failures", w.rowFailures.Load())
	m.Add("tsv_left_out", w.rowsOver.Load())
	m.Add("tsv_deleted_files", w.rowsDeleted.Load())
}

// aclMetrics say in every stats event whether the rules of qvm-firewall are obeyed.
func (s *Service) aclMetrics(m *metrics.Set) {
	m.Flag("qvm_firewall_obeyed", s.acl != nil)
	if s.acl == nil {
		return
	}
	a := s.acl.Stats()
	m.Flag("qubesdb_connected", a.Up)
	m.Add("qvm_firewall_clients", a.Clients)
	m.Add("qubesdb_failures", a.Failures)
}
