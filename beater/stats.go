package beater

import (
	"time"

	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	statsmodule "github.com/qubesbeat/qubesbeat/module/stats"
)

// stats returns an event with the counters.
func (r *run) stats(last bool) event.Document {
	return &statsmodule.Document{Stats: event.Stats{At: time.Now().UTC(),
		Started: r.started.UTC(), Last: last, Counters: r.counters()}}
}

// counters collects the counters of every stage, group by group, in the order
// of the data's way.
func (r *run) counters() []event.Counter {
	c := counterList{list: make([]event.Counter, 0, 48)}
	r.captureCounters(&c)
	r.flowCounters(&c)
	r.eventCounters(&c)
	r.greetingCounters(&c)
	r.transactionCounters(&c)
	r.resolverCounters(&c)
	r.view.counters(&c)
	r.verdicts.counters(&c)
	r.inventoryCounters(&c)
	return c.list
}

type counterList struct {
	group string
	list  []event.Counter
}

func (c *counterList) add(name string, value uint64) {
	c.list = append(c.list, event.Counter{Group: c.group, Name: name, Value: value})
}

func (r *run) captureCounters(c *counterList) {
	s, m := r.source.Stats(), r.meter.Stats()
	c.group = "capture"
	c.add("frames", m.Frames)
	c.add("bytes", m.Bytes)
	c.add("kernel_drops", s.KernelDrops)
	c.add("ring_freezes", s.Freezes)
	c.add("other_interfaces", s.Skipped)
	for status := packet.OK + 1; int(status) < packet.Statuses; status++ {
		c.add(status.String()+"_frames", m.Status[status])
		c.add(status.String()+"_bytes", m.StatusBytes[status])
	}
}

func (r *run) flowCounters(c *counterList) {
	t := r.meter.Stats().Table
	c.group = "flows"
	c.add("packets", t.Packets)
	c.add("bytes", t.Bytes)
	c.add("created", t.Created)
	c.add("live", uint64(t.Live))
	c.add("interim", t.Records[flow.ReasonNone])
	for reason := flow.ReasonNone + 1; int(reason) < flow.Reasons; reason++ {
		c.add("ended_"+reason.String(), t.Records[reason])
	}
	c.add("clock_jumps", t.TimeJumps)
	c.add("tunnels_full", t.TunnelsFull)
}

func (r *run) eventCounters(c *counterList) {
	q, p := r.queue.Stats(), r.publisher.Stats()
	c.group = "events"
	c.add("queued", q.In)
	c.add("queue_dropped_interim", q.InterimDropped)
	c.add("queue_dropped_final", q.FinalDropped)
	c.add("published", p.Published)
	c.add("held", p.Held)
	c.add("unknown_qube", p.Unknown)
	c.add("spoofed", p.Spoofed)
	c.add("waiting", uint64(q.Waiting))
	c.add("filtered", r.flowAcks.filtered.Load())
	c.add("dropped_at_stop", r.flowAcks.dropped.Load())
	c.add("acked", r.flowAcks.acked.Load())
	c.add("pending", r.flowAcks.pending())
	c.add("others_acked", r.sideAcks.acked.Load())
	c.add("others_dropped", r.sideDropped.Load())
	c.add("output_failed", r.outputFailures())
}

// outputFailures returns the events that libbeat has given up: refused by the
// output for good (the file output could not write them), or tried too often.
// It acknowledges both.
func (r *run) outputFailures() uint64 {
	if r.libbeat == nil {
		return 0
	}
	s := monitoring.CollectFlatSnapshot(r.libbeat, monitoring.Full, false)
	return max(r.failed, uint64(s.Ints["output.events.dropped"]+s.Ints["pipeline.events.dropped"]))
}

func (r *run) greetingCounters(c *counterList) {
	if r.book == nil {
		return
	}
	s := r.book.Stats()
	c.group = "greetings"
	c.add("read", s.Read)
	c.add("failed", s.Failed)
	c.add("skipped", s.Skipped)
	c.add("evicted", s.Evicted)
	c.add("known", s.Known)
}

// transactionCounters are absent where nothing is to be analyzed.
func (r *run) transactionCounters(c *counterList) {
	if r.analysis != nil {
		c.list = append(c.list, metrics.Collect(r.analysis)...)
	}
}

func (r *run) inventoryCounters(c *counterList) {
	c.group = "inventory"
	c.add("qubes", uint64(len(r.index.All())))
	if r.file == nil {
		return
	}
	s := r.file.Stats()
	c.add("reloads", uint64(s.Reloads))
	c.add("failures", uint64(s.Failures))
	if r.receiver != nil {
		c.add("pushed", r.receiver.Stored())
		c.add("push_refused", r.receiver.Refused())
	}
}

// registerMetrics shows the same counters where libbeat shows its own: in the
// log every logging.metrics.period and under /stats of the HTTP endpoint.
func (r *run) registerMetrics(stats *monitoring.Registry) {
	monitoring.NewFunc(stats, "qubesbeat", func(_ monitoring.Mode, v monitoring.Visitor) {
		v.OnRegistryStart()
		defer v.OnRegistryFinished()
		group := ""
		for _, c := range r.counters() {
			if c.Group != group {
				if group != "" {
					v.OnRegistryFinished()
				}
				group = c.Group
				v.OnKey(group)
				v.OnRegistryStart()
			}
			monitoring.ReportInt(v, c.Name, int64(c.Value))
		}
		v.OnRegistryFinished()
	}, monitoring.Report)
}
