package flow

import (
	"time"

	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
	"github.com/qubesbeat/qubesbeat/internal/report"
)

// Metrics implements [metrics.Source].
func (s *Service) Metrics(m *metrics.Set) {
	if s.stages == nil {
		return
	}
	s.captureMetrics(m)
	s.tableMetrics(m)
	s.eventMetrics(m)
	s.helloMetrics(m)
}

func (s *Service) captureMetrics(m *metrics.Set) {
	src, read := s.stages.source.Stats(), s.stages.meter.Stats()
	m.Group("capture")
	m.Add("frames", read.Frames)
	m.Add("bytes", read.Bytes)
	m.Add("kernel_drops", src.KernelDrops)
	m.Add("ring_freezes", src.Freezes)
	m.Add("ring_reliefs", src.Reliefs)
	m.Add("other_interfaces", src.Skipped)
	m.Add("watch_failures", src.WatchFailures)
	m.Add("lost_packets", read.LostPackets)
	m.Add("lost_flows", read.LostFlows)
	s.shunt.metrics(m, &read.Table)
	for status := packet.OK + 1; int(status) < packet.Statuses; status++ {
		m.Add(status.String()+"_frames", read.Status[status])
		m.Add(status.String()+"_bytes", read.StatusBytes[status])
	}
	s.dumpMetrics(m)
}

// dumpMetrics adds the counters of the dump, if there is one.
func (s *Service) dumpMetrics(m *metrics.Set) {
	if s.stages.dump == nil {
		return
	}
	d := s.stages.dump.Stats()
	m.Add("dump_written", d.Written)
	m.Add("dump_cut", d.Cut)
	m.Add("dump_dropped", d.Dropped)
}

func (s *Service) tableMetrics(m *metrics.Set) {
	t := s.stages.meter.Stats().Table
	m.Group("flows")
	m.Add("packets", t.Packets)
	m.Add("bytes", t.Bytes)
	m.Add("created", t.Created)
	m.Add("live", uint64(t.Live))
	m.Add("interim", t.Records[meter.ReasonNone])
	for reason := meter.ReasonNone + 1; int(reason) < meter.Reasons; reason++ {
		m.Add("ended_"+reason.String(), t.Records[reason])
	}
	m.Add("clock_jumps", t.TimeJumps)
	m.Add("tunnels_full", t.TunnelsFull)
}

func (s *Service) eventMetrics(m *metrics.Set) {
	p, d := s.stages.publisher.Stats(), s.deps.Outlet.Delivery()
	q := s.stages.queue.Stats() // after p: what is published was taken from the queue before
	m.Group("events")
	m.Add("queued", q.In)
	m.Add("queue_dropped_interim", q.InterimDropped)
	m.Add("queue_dropped_final", q.FinalDropped)
	m.Add("queue_dropped_most", q.MostDropped)
	if q.MostDropped > 0 {
		m.Text("queue_dropped_most_interface", s.InterfaceName(q.Most))
	}
	m.Add("published", p.Published)
	m.Add("held", p.Held)
	m.Add("lost", p.Lost)
	m.Add("unknown_qube", p.Unknown)
	m.Add("spoofed", p.Spoofed)
	m.Add("waiting", uint64(q.Waiting)+inHand(&q, &p))
	m.Add("summarized", d.Summarized)
	m.Add("filtered", d.Filtered)
	m.Add("dropped_at_stop", d.Dropped)
	m.Add("acked", d.Acked)
	m.Add("pending", d.Pending)
}

// inHand returns how many records the publisher has taken from the queue and is about to
// publish: more than a few while the outlet blocks.
func inHand(q *pipeline.QueueStats, p *pipeline.PublisherStats) uint64 {
	return q.Out - min(q.Out, p.Published+p.Held+p.Lost)
}

func (s *Service) helloMetrics(m *metrics.Set) {
	if s.hellos == nil {
		return
	}
	h := s.hellos.Stats()
	m.Group("client_hellos")
	m.Add("read", h.Read)
	m.Add("failed", h.Failed)
	m.Add("skipped", h.Skipped)
	m.Add("evicted", h.Evicted)
	m.Add("known", h.Known)
}

// Replay returns how far a replay has come, and what it could not meter.
func (s *Service) Replay(started time.Time) report.Replay {
	m, src := s.stages.meter.Stats(), s.stages.source.Stats()
	return report.Replay{Read: src.Bytes, Size: src.Size, Packets: m.Frames, Bytes: m.Bytes, Flows: m.Table.Created,
		Events: s.stages.publisher.Stats().Published, Elapsed: time.Since(started), Incomplete: s.cut.Load(),
		NonIP: m.Status[packet.NonIP], Truncated: m.Status[packet.Truncated], Malformed: m.Status[packet.Malformed],
		Unsupported: m.Status[packet.Unsupported]}
}
