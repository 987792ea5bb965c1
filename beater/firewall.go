package beater

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/kernellog"
	"github.com/qubesbeat/qubesbeat/internal/nflog"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	firewallmodule "github.com/qubesbeat/qubesbeat/module/firewall"
)

// verdicts is what this qube has refused: the sources, and what becomes of them.
type verdicts struct {
	run    *run
	enrich *enrich.Enricher
	begun  time.Time

	nflog *nflog.Conn       // nil where the group is not ours
	kmsg  *kernellog.Kmsg   // nil without firewall.kernel_log
	files []*kernellog.File // firewall.log_files

	spoke    atomic.Int64 // when our own rules have logged last: they count better than ICMP errors
	unparsed atomic.Uint64
	deaf     atomic.Bool // NFLOG is not read any more

	mu      sync.Mutex
	tracker *firewall.Tracker // guarded by mu
}

var _ pipeline.Tap = (*verdicts)(nil) // type check

// newVerdicts opens the sources that the configuration names, nil where there are
// none. A source that is not to be had is no fault: the others go on.
func (r *run) newVerdicts() *verdicts {
	s := &r.settings.Firewall
	if !s.Enabled || !r.live {
		return nil
	}
	v := &verdicts{run: r, enrich: r.newEnricher(), begun: time.Now()}
	v.tracker = firewall.NewTracker(v.publish)
	var err error
	if group := s.Group(); group != 0 {
		if v.nflog, err = nflog.Open(group); err != nil {
			r.log.Warnw("no verdicts from the rules of `qubesbeat qubes apply`", "error", err.Error())
		}
	}
	if s.KernelLog {
		if v.kmsg, err = kernellog.OpenKmsg(kernellog.KmsgPath); err != nil {
			r.log.Warnw("no verdicts from the kernel's log", "error", err.Error())
		}
	}
	for _, path := range s.LogFiles {
		f, err := kernellog.OpenFile(kernellog.FileConfig{Path: path, OnLine: v.reader(firewall.LogFile),
			OnError: func(err error) { v.failed("reading a log file", err) }})
		if err != nil {
			r.log.Warnw("no verdicts from a log file", "error", err.Error())
			continue
		}
		v.files = append(v.files, f)
	}
	return v
}

// advanceEvery is how often verdicts are looked at. They wait for seconds.
const advanceEvery = 250 * time.Millisecond

// start reads the sources until ctx ends, and then tells what is left.
func (v *verdicts) start(ctx context.Context, wg *sync.WaitGroup) {
	if v == nil {
		return
	}
	var readers sync.WaitGroup
	if v.nflog != nil {
		readers.Go(func() {
			v.failed("reading NFLOG", v.nflog.Run(v.logger(), v.gap))
			v.deaf.Store(ctx.Err() == nil)
		})
	}
	if v.kmsg != nil {
		readers.Go(func() {
			v.failed("reading the kernel's log", v.kmsg.Run(func(text string, at time.Time) { v.message(text, at, firewall.KernelLog) }))
		})
	}
	for _, f := range v.files {
		readers.Go(func() { _ = f.Run(ctx) })
	}
	wg.Go(func() {
		v.advance(ctx)
		v.failed("closing", v.close())
		readers.Wait()
		v.with(func(t *firewall.Tracker) { t.Flush(time.Since(v.begun)) })
	})
}

// advance has the tracker tell what is ready, until ctx ends. After a standstill it
// lets one turn pass, in which the readers catch up, and not more of them.
func (v *verdicts) advance(ctx context.Context) {
	ticker := time.NewTicker(advanceEvery)
	defer ticker.Stop()
	last, caughtUp := time.Now(), true
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			now := time.Now()
			if caughtUp = !caughtUp || now.Sub(last) < 2*advanceEvery; caughtUp {
				v.with(func(t *firewall.Tracker) { t.Advance(time.Since(v.begun)) })
			}
			last = now
		}
	}
}

func (v *verdicts) failed(doing string, err error) {
	if err != nil {
		v.run.log.Errorw("firewall verdicts", "doing", doing, "error", err.Error())
	}
}

func (v *verdicts) close() (err error) {
	if v.nflog != nil {
		err = v.nflog.Close()
	}
	if v.kmsg != nil {
		err = errors.Join(err, v.kmsg.Close())
	}
	return err
}

func (v *verdicts) with(do func(*firewall.Tracker)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	do(v.tracker)
}

func (v *verdicts) observe(o *firewall.Observation) {
	v.with(func(t *firewall.Tracker) { t.Observe(o, time.Since(v.begun)) })
}

// gap tells that messages are missing.
func (v *verdicts) gap() { v.with(func(t *firewall.Tracker) { t.Lost(time.Since(v.begun)) }) }

// logger returns what takes the messages of our own rules.
func (v *verdicts) logger() func(*nflog.Message) {
	names := v.run.newLinks()
	return func(m *nflog.Message) {
		now := time.Now().UnixNano()
		v.spoke.Store(now)
		o := firewall.Observation{At: now, Source: firewall.NFLog, Prefix: string(m.Prefix),
			In: nameOr(names, m.In), Out: nameOr(names, m.Out)}
		switch {
		case o.Prefix == firewall.PrefixOver:
			v.with(func(t *firewall.Tracker) { t.LostOf(o.In, time.Since(v.begun)) })
		case !o.Decode(m.Payload):
			v.unparsed.Add(1)
		default:
			v.observe(&o)
		}
	}
}

// reader returns what takes the lines of a log file.
func (v *verdicts) reader(source firewall.Source) func(line string) {
	r := kernellog.Reader{Now: time.Now}
	return func(line string) {
		if text, at, ok := r.Line(line); ok {
			v.message(text, at, source)
		}
	}
}

// message takes a message of the kernel. Most are of something else.
func (v *verdicts) message(text string, at time.Time, source firewall.Source) {
	o, ok := kernellog.Parse(text)
	if !ok {
		v.unparsed.Add(1)
		return
	}
	o.At, o.Source = at.UnixNano(), source
	v.observe(&o)
}

// nameOr returns the name of an interface, or one that is none: "" would mean that the
// packet was for this machine.
func nameOr(names *links, index uint32) string {
	name := names.name(index)
	if name == "" && index != 0 {
		name = fmt.Sprintf("if%d", index)
	}
	return name
}

// silentAfter is how long our own rules must have been silent for ICMP errors to
// count: the rules may have been taken away.
const silentAfter = time.Minute

// Packet implements [pipeline.Tap]: an ICMP error of this machine to a client says
// that something of the client was refused.
func (v *verdicts) Packet(p *packet.Packet, frame []byte) {
	if !p.IsICMP() || p.Direction != packet.Outbound || p.ICMPType > 3 || time.Now().UnixNano()-v.spoke.Load() < int64(silentAfter) {
		return
	}
	o := firewall.Observation{At: p.Time, Source: firewall.ICMPError, Prefix: firewall.PrefixReject, Out: v.run.name(p.Iface)}
	if _, onVif := qube.VifDomain(o.Out); onVif && o.DecodeError(p, frame) && v.enrich.Local(o.Src) {
		v.observe(&o)
	}
}

// Close implements [pipeline.Tap].
func (v *verdicts) Close() {}

// publish hands a verdict on. By then dom0's push has come, for verdicts wait
// longer than it takes.
func (v *verdicts) publish(d *firewall.Verdict) {
	p := v.enrich.PartiesOn(d.In, enrich.Sight{FromSource: packet.Inbound, Source: d.Src, Destination: d.Dst,
		SourceSent: d.Src.IsValid(), At: time.Unix(0, d.First)})
	if d.Point == firewall.Antispoof { // also where many addresses were told together
		p.Attribution = event.Spoofed
	}
	v.run.publishSide(&firewallmodule.Document{Parties: p, Verdict: *d})
}

// wantsErrors tells that the capture is to look for ICMP errors.
func (v *verdicts) wantsErrors() bool { return v != nil && v.run.settings.Firewall.ICMPErrors }
