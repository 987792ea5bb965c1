package beater

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	dnsmodule "github.com/qubesbeat/qubesbeat/module/dns"
)

// dnsWriter writes down what the resolver has done: events, and rows of the
// query log. Where the output does not take them, the resolver's log fills and
// counts what it loses; answers do not wait.
type dnsWriter struct {
	run    *run
	dns    *dns
	enrich *enrich.Enricher
	folded map[fold]*folded
	held   []heldQuery
	looked time.Time // at what waits

	published, queries, coalesced, rowFailures atomic.Uint64
	holding                                    atomic.Int64 // queries that wait to be published
}

// fold is what two queries have in common when one event tells of both.
type fold struct {
	client netip.Addr
	name   string
	kind   dnsmsg.Type
	action dnsevent.Action
	rcode  dnsmsg.RCode
}

type folded struct {
	doc   *dnsmodule.Document
	until time.Time
}

type heldQuery struct {
	doc   *dnsmodule.Document
	until time.Time
}

// Limits of what waits in the writer.
const (
	maxFolded = 8192
	writerLag = 200 * time.Millisecond // between looks at what waits
)

// write writes until the log is closed and empty.
func (w *dnsWriter) write() {
	if w.dns.log == nil {
		return
	}
	w.folded = map[fold]*folded{}
	w.enrich = &enrich.Enricher{Qubes: w.run.index, Name: w.run.newLinks().name, Behind: w.run.index.Behind}
	stop := w.wake()
	defer stop()
	batch := make([]dnsevent.Entry, 64)
	for {
		n, more := w.dns.log.Pop(batch)
		for i := range batch[:n] {
			w.take(&batch[i])
		}
		if now := time.Now(); !more || now.Sub(w.looked) >= writerLag {
			w.looked = now
			w.release(now, !more)
			w.rows(now, !more)
		}
		if !more {
			return
		}
	}
}

// wake lets Pop return now and then, so that what waits is looked at.
func (w *dnsWriter) wake() (stop func()) {
	ticker := time.NewTicker(writerLag)
	end := make(chan struct{})
	go func() {
		for {
			select {
			case <-ticker.C:
				w.dns.log.Wake()
			case <-end:
				return
			}
		}
	}()
	return func() { ticker.Stop(); close(end) }
}

// take writes one entry.
func (w *dnsWriter) take(e *dnsevent.Entry) {
	w.queries.Add(uint64(e.Count))
	if w.dns.tsv != nil {
		name := ""
		if e.Qube != nil {
			name = e.Qube.Name
		}
		_ = w.dns.tsv.Write(e, name) // it counts what is lost, and Flush says why
	}
	if !w.run.settings.Resolver.Log.Enabled {
		return
	}
	d := dnsmodule.New(e, w.parties(e))
	w.run.view.learn(e, d.Question())
	if span := w.run.settings.Resolver.Log.Coalesce.D(); span > 0 && w.fold(d, span) {
		return
	}
	if hold := w.run.settings.Inventory.Hold.D(); d.Uncertain() && w.run.file != nil && hold > 0 && len(w.held) < maxFolded {
		w.held = append(w.held, heldQuery{d, time.Now().Add(hold)})
		w.holding.Add(int64(d.Count))
		return
	}
	w.publish(d)
}

// parties finds the qube behind a query, by the vif that it came in on.
func (w *dnsWriter) parties(e *dnsevent.Entry) event.Parties {
	p := w.enrich.Parties(enrich.Sight{Iface: e.Iface, FromSource: packet.Inbound, Source: e.From.Addr(), Destination: e.Local.Addr(),
		SourceSent: true, At: time.Unix(0, e.At)})
	if p.Qube == nil && p.Attribution == event.Unknown && e.Qube != nil {
		p.Qube, p.SourceQube, p.Client, p.Attribution = e.Qube, e.Qube, e.From.Addr(), event.Inventory
	}
	if !p.Client.IsValid() {
		p.Client = e.From.Addr()
	}
	return p
}

// fold counts a query with an event that waits already. It reports false where
// there is no room.
func (w *dnsWriter) fold(d *dnsmodule.Document, span time.Duration) bool {
	key := fold{d.Client, d.Question(), d.Entry.Type, d.Action, d.RCode}
	if f := w.folded[key]; f != nil {
		f.doc.Count += d.Count
		w.holding.Add(int64(d.Count))
		w.coalesced.Add(uint64(d.Count))
		return true
	}
	if len(w.folded) >= maxFolded {
		return false
	}
	w.folded[key] = &folded{d, time.Now().Add(span)}
	w.holding.Add(int64(d.Count))
	return true
}

// release publishes what has waited long enough, or all of it.
func (w *dnsWriter) release(now time.Time, all bool) {
	for key, f := range w.folded {
		if all || now.After(f.until) {
			delete(w.folded, key)
			w.holding.Add(-int64(f.doc.Count))
			w.publish(f.doc)
		}
	}
	kept := w.held[:0]
	for _, h := range w.held {
		h.doc.Parties = w.parties(&h.doc.Entry)
		if !all && h.doc.Uncertain() && now.Before(h.until) {
			kept = append(kept, h)
			continue
		}
		w.holding.Add(-int64(h.doc.Count))
		w.publish(h.doc)
	}
	clear(w.held[len(kept):])
	w.held = kept
}

func (w *dnsWriter) publish(d *dnsmodule.Document) {
	w.dns.sink.Publish(d)
	w.published.Add(uint64(d.Count))
}

// rows brings the rows of the query log to the disk.
func (w *dnsWriter) rows(now time.Time, last bool) {
	if w.dns.tsv == nil {
		return
	}
	err := w.dns.tsv.Flush(now, last)
	if last {
		err = w.dns.tsv.Close()
	}
	w.rowFailures.Store(w.dns.tsv.Lost())
	if err != nil {
		w.run.log.Warnw("the query log cannot be written; rows are lost", "error", err.Error())
	}
}
