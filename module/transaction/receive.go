package transaction

import (
	"net/netip"
	"time"

	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// section opens the client of a section. The function that it returns gives an
// event to the publisher, for that client.
func (p *Publisher) section(cfg *conf.C) (func(report), error) {
	before := len(p.clients)
	if _, err := p.CreateReporter(cfg); err != nil {
		return nil, err
	}
	client := p.clients[before]
	return func(r report) {
		r.client = client
		p.queue(r)
	}, nil
}

// receive takes an event from the process of the analyzers. It runs in the
// goroutine that reads from one process; only one process reads at a time.
func (w *Worker) receive(body []byte) {
	e, err := w.events.decode(body)
	if err != nil {
		w.cfg.Publisher.invalid.Add(1)
		w.events = newEventReader()
		return
	}
	give := w.sections[e.Section]
	if give == nil || e.Fields == nil {
		w.cfg.Publisher.invalid.Add(1)
		return
	}
	r := report{event: e.event(), known: e.Known, size: len(body)}
	if e.Known {
		r.sight = e.sight()
	}
	w.cfg.Publisher.reported.Add(1)
	give(r)
}

// sight is where the event was seen.
func (e *wireEvent) sight() enrich.Observation {
	src, _ := netip.ParseAddr(e.Source) // the zero Addr is nobody's
	dst, _ := netip.ParseAddr(e.Dest)
	return enrich.Observation{Iface: e.Iface, FromSource: packet.Direction(e.From % 3), Source: src, Destination: dst,
		At: time.Unix(0, e.Timestamp)}
}
