package beater

import (
	"errors"

	"github.com/elastic/beats/v7/libbeat/beat"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/greeting"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
	"github.com/qubesbeat/qubesbeat/module/transaction/procs"
)

// newTaps makes what looks at packets beside the flow table.
func (r *run) newTaps(p beat.Pipeline) (taps []pipeline.Tap, err error) {
	if r.analysis, err = r.newTransactions(p, r.newEnricher()); err != nil {
		return nil, err
	}
	r.verdicts = r.newVerdicts()
	if r.analysis == nil && !r.settings.Flows.Enabled && r.dns == nil && r.verdicts == nil {
		return nil, errors.New("nothing to do: the configuration has neither flows, nor a protocol that is enabled, nor a resolver, nor the firewall")
	}
	r.view = r.newView()
	if r.settings.Flows.Enabled && r.settings.Flows.ServerNames && !r.settings.Compat.Strict {
		r.book = greeting.New()
		taps = append(taps, r.book)
	}
	if r.analysis != nil {
		taps = append(taps, r.analysis.Observer())
	}
	if r.verdicts.wantsErrors() {
		taps = append(taps, r.verdicts)
	}
	if c := r.settings.upstream.Procs; r.live && c.Enabled && r.settings.Flows.Enabled { // as in packetbeat, not for a file
		if r.processes, err = procs.New(c, localAddress()); err != nil {
			return nil, err
		}
		taps = append(taps, r.processes)
	}
	return taps, nil
}

// snapWithGreetings also holds the second packet of a greeting, where a hello
// with a post-quantum key is in two.
const snapWithGreetings = 768

// whole says of which packets the capture is to keep more than the headers. As
// in packetbeat, without flows the others are not captured at all, unless a
// filter of the user says what is.
func (r *run) whole(dump bool) capture.Whole {
	w := capture.Whole{Greetings: r.book != nil}
	if w.Greetings {
		w.None = snapWithGreetings
	}
	for i := range r.settings.Interfaces {
		w.Snap = max(w.Snap, uint32(r.settings.Interfaces[i].Snaplen))
	}
	if r.analysis != nil {
		w.TCP, w.UDP, w.ICMP = r.analysis.Wanted()
	}
	w.Only = !r.settings.Flows.Enabled && r.settings.Interfaces[0].BPFFilter == ""
	if dump {
		w.None, w.Only = w.Snap, false
		if w.None == 0 {
			w.None = 65535
		}
	}
	return w
}
