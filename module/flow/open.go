package flow

import (
	"errors"
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/event"
	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
	"github.com/qubesbeat/qubesbeat/internal/source"
)

// stages are those of the way from the packet to the event.
type stages struct {
	source    *source.Source
	dump      *capture.Dump // nil without Config.Dump
	meter     *pipeline.Meter
	queue     *pipeline.Queue
	publisher *pipeline.Publisher
}

// queueSize is the room between meter and publisher, in records of some 220
// bytes: 3.6 MB, a burst of about a tenth of a second at the output's best speed.
const queueSize = 16384

// open opens the source and connects the stages behind it.
func (s *Service) open() (*stages, error) {
	c := &s.conf
	snap, unused := s.snap(), !c.Flows.Enabled && c.Dump == "" && s.payload == nil && !s.headers
	cfg := source.Config{Interfaces: c.Interfaces, Replay: c.Replay, Snap: snap, Unused: unused, Stop: s.stop, Logger: s.deps.Logger,
		Brief: s.brief(), Prompt: s.judge != nil, Guard: s.deps.Guard.Part("capture/interfaces")}
	if s.keeper != nil {
		cfg.Gone = s.keeper.Gone
	}
	if c.Live() && !unused {
		s.shunt = s.openShunt()
		cfg.Shunt = s.shunt.ring()
	}
	src, err := source.Open(&cfg)
	if err != nil {
		return nil, errors.Join(err, s.shunt.close())
	}
	p := &stages{source: src, queue: pipeline.NewQueue(queueSize, !c.Live())}
	if err := s.connect(p); err != nil {
		return nil, errors.Join(err, src.Close(), s.shunt.close())
	}
	return p, nil
}

// connect makes the stages behind the source.
func (s *Service) connect(p *stages) (err error) {
	cfg := pipeline.MeterConfig{Source: p.source.Source, Queue: p.queue, Flow: tableConfig(s),
		NoFlows: !s.conf.Flows.Enabled, Gauge: s.gauge, Taps: s.packetObservers(), Now: p.source.Now, Guard: s.deps.Guard.Part("capture/meter")}
	if s.keeper != nil {
		cfg.Keeper = s.keeper
	}
	cfg.Watcher, cfg.Judge = s.watcher, s.judge
	if s.conf.Dump != "" {
		if p.dump, err = s.openDump(); err != nil {
			return err
		}
		cfg.Dump = p.dump.Frame
	}
	if p.meter, err = pipeline.NewMeter(cfg); err != nil {
		return errors.Join(fmt.Errorf("building the meter: %w", err), p.closeDump())
	}
	p.publisher = s.newPublisher(p.queue)
	return nil
}

// openDump opens the dump. What it loses is counted, and the log says when that begins and
// ends.
func (s *Service) openDump() (*capture.Dump, error) {
	conf := capture.DumpConfig{Prefix: s.conf.Dump, Blocking: !s.conf.Live(), OnFault: s.dumpChanged}
	if s.conf.Live() {
		conf.Snap = s.dumpSnap()
	}
	return capture.OpenDump(conf)
}

// dumpChanged logs that the disk refuses the dump, or takes it again.
func (s *Service) dumpChanged(fault error) {
	switch log := s.deps.Logger; {
	case fault == nil:
		log.Info("the dump goes on; stats.capture.dump_dropped says how many packets are missing")
	case s.conf.Live():
		log.Warn("writing the dump failed; trying again every second, packets wait in memory", "error", fault.Error())
	default:
		log.Warn("writing the dump failed; what cannot be written is missing", "error", fault.Error())
	}
}

// closeDump writes the rest of the dump and closes its files.
func (p *stages) closeDump() error {
	if p.dump == nil {
		return nil
	}
	return p.dump.Close()
}

// packetObservers returns the observers in the order in which they see a packet.
func (s *Service) packetObservers() []pipeline.Tap {
	if s.hellos == nil {
		return s.observers
	}
	return append([]pipeline.Tap{s.hellos}, s.observers...)
}

// tableConfig translates the settings of the flow table.
func tableConfig(s *Service) meter.Config {
	f := &s.conf.Flows
	return meter.Config{IdleTimeout: f.Timeout.D(), ActiveTimeout: max(f.ActiveTimeout.D(), 0),
		Period: max(f.Period.D(), 0), MaxFlows: f.MaxFlows, Delta: f.Delta, Shunt: s.shunt.table()}
}

// publisherPart is the name of the part that publishes flows.
const publisherPart = "events/publisher"

func (s *Service) newPublisher(q *pipeline.Queue) *pipeline.Publisher {
	cfg := pipeline.PublisherConfig{Queue: q, Enrich: s.deps.Enricher, Sink: s.deps.Outlet, Hold: s.conf.Hold, Guard: s.deps.Guard.Part(publisherPart),
		NewDocument: func() (event.Document, *event.Flow) {
			d := &Document{Delta: s.conf.Flows.Delta}
			return d, &d.Flow
		}}
	if s.hellos != nil {
		cfg.Hello = s.hellos.ForRecord
	}
	if len(s.annotate) > 0 {
		cfg.Names = s.callAnnotators
	}
	return pipeline.NewPublisher(cfg)
}

func (s *Service) callAnnotators(f *event.Flow) {
	for _, annotate := range s.annotate {
		annotate(f)
	}
}

// snapWithHellos also holds the second packet of a ClientHello: one with a
// post-quantum key is in two.
const snapWithHellos = 768

// snap returns how much of each packet the capture keeps. As in packetbeat, without flows
// only what the observers want is captured, unless a filter of the user says otherwise.
func (s *Service) snap() capture.SnapPolicy {
	var w capture.SnapPolicy
	if s.payload != nil {
		w = *s.payload
	}
	if w.ClientHello = s.hellos != nil; w.ClientHello {
		w.HeaderLen = snapWithHellos
	}
	w.Datagrams = s.judge != nil // it looks at the first ones of a conversation, and for canaries
	w.FullLen = s.snaplen()
	w.FullOnly = !s.conf.Flows.Enabled && !s.headers && s.conf.Interfaces[0].BPFFilter == ""
	var want uint32 // of every frame
	if s.conf.Dump != "" {
		want = s.dumpSnap()
	}
	if s.keeper != nil {
		want = max(want, s.keeper.Snap(), w.HeaderLen, capture.DefaultSnap)
	}
	if want > 0 {
		w.Relief = w.HeaderLen
		if w.Relief == 0 {
			w.Relief = capture.DefaultSnap
		}
		w.HeaderLen, w.PlainLen, w.FullOnly = want, want, false
		w.Relief = min(w.Relief, w.HeaderLen)
	}
	return w
}

// brief returns what says whose frames are not kept, nil if all are or none.
func (s *Service) brief() func(iface uint32) bool {
	if s.keeper == nil || s.conf.Dump != "" {
		return nil
	}
	return func(iface uint32) bool { return !s.keeper.Wants(iface) }
}

// snaplen returns the largest setting of all interfaces, 0 if none is set.
func (s *Service) snaplen() (n uint32) {
	for i := range s.conf.Interfaces {
		n = max(n, uint32(s.conf.Interfaces[i].Snaplen))
	}
	return n
}

// dumpSnap returns how many bytes of each packet the dump wants.
func (s *Service) dumpSnap() uint32 {
	if n := s.snaplen(); n > 0 {
		return n
	}
	return capture.WholeFrame
}
