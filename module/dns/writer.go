package dns

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/netstate"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// writer writes what the resolver has logged: events, and rows of the query log. If
// the output does not take them, the log fills and counts what it loses; answers do
// not wait.
type writer struct {
	service   *Service
	enrich    *enrich.Enricher
	coalesces map[coalesceKey]*waiting
	held      []waiting
	looked    time.Time // when waiting events and rows were looked at
	flushed   time.Time // when rows were brought to the disk
	unflushed bool      // rows wait for that
	timer     *time.Timer

	published, queries, coalesced, rowFailures atomic.Uint64
	holding                                    atomic.Int64 // queries that wait to be published
}

// coalesceKey is what queries have in common that one event stands for.
type coalesceKey struct {
	client netip.Addr
	name   string
	kind   dnsmsg.Type
	action dnsevent.Action
	rcode  dnsmsg.RCode
}

// waiting is an event that is published later.
type waiting struct {
	doc   *Document
	until time.Time
}

// Limits of what waits in the writer.
const (
	maxWaiting = 8192                   // events of each kind
	writerLag  = 200 * time.Millisecond // between looks at what waits
	flushEvery = time.Second            // how long a row may wait for the disk
)

func newWriter(s *Service) *writer {
	inv := s.deps.Inventory
	return &writer{service: s, coalesces: map[coalesceKey]*waiting{},
		enrich: &enrich.Enricher{Qubes: inv, Downstream: inv.Downstream, Name: netstate.NewNames(netstate.NamesConfig{Captured: s.deps.Captured}).Name}}
}

// run writes until the log is closed and empty.
func (w *writer) run() {
	log := w.service.log
	if log == nil {
		return
	}
	w.timer = time.AfterFunc(time.Hour, log.Wake)
	defer w.timer.Stop()
	batch := make([]dnsevent.Entry, 64)
	for more := true; more; {
		var n int
		n, more = log.Pop(batch)
		for i := range batch[:n] {
			w.take(&batch[i])
		}
		w.look(time.Now(), !more)
	}
}

// look publishes what has waited long enough and brings rows to the disk, not more
// often than every writerLag. While anything waits, it has the log wake the writer
// for the next look.
func (w *writer) look(now time.Time, last bool) {
	if !last && now.Sub(w.looked) < writerLag {
		w.timer.Reset(writerLag)
		return
	}
	w.looked = now
	w.release(now, last)
	w.flush(now, last)
	if w.unflushed || len(w.coalesces)+len(w.held) > 0 {
		w.timer.Reset(writerLag)
	}
}

// take writes one entry.
func (w *writer) take(e *dnsevent.Entry) {
	s := w.service
	w.queries.Add(uint64(e.Count))
	if s.tsv != nil {
		name := ""
		if e.Qube != nil {
			name = e.Qube.Name
		}
		_ = s.tsv.Write(e, name) // it counts what is lost, and Flush says why
		w.unflushed = true
	}
	if !s.conf.conf.Log.Enabled {
		return
	}
	d := NewDocument(e, w.parties(e))
	s.deps.Names.learn(e, d.Question())
	if span := s.conf.conf.Log.Coalesce.D(); span > 0 && w.coalesce(d, span) {
		return
	}
	if hold := s.conf.Hold; d.Uncertain() && hold > 0 && len(w.held) < maxWaiting {
		w.held = append(w.held, waiting{d, time.Now().Add(hold)})
		w.holding.Add(int64(d.Count))
		return
	}
	w.publish(d)
}

// parties finds the qube behind a query, by the vif that it came in on.
func (w *writer) parties(e *dnsevent.Entry) event.Parties {
	p := w.enrich.Parties(enrich.Observation{Iface: e.Iface, FromSource: packet.Inbound, Source: e.From.Addr(), Destination: e.Local.Addr(),
		SourceSent: true, At: time.Unix(0, e.At)})
	if p.Qube == nil && p.Attribution == event.Unknown && e.Qube != nil {
		p.Qube, p.SourceQube, p.Client, p.Attribution = e.Qube, e.Qube, e.From.Addr(), event.Inventory
	}
	if !p.Client.IsValid() {
		p.Client = e.From.Addr()
	}
	return p
}

// coalesce counts a query in an event that waits already. It reports false if there
// is no room.
func (w *writer) coalesce(d *Document, span time.Duration) bool {
	key := coalesceKey{d.Client, d.Question(), d.Entry.Type, d.Action, d.RCode}
	if f := w.coalesces[key]; f != nil {
		f.doc.Count += d.Count
		w.holding.Add(int64(d.Count))
		w.coalesced.Add(uint64(d.Count))
		return true
	}
	if len(w.coalesces) >= maxWaiting {
		return false
	}
	w.coalesces[key] = &waiting{d, time.Now().Add(span)}
	w.holding.Add(int64(d.Count))
	return true
}

// release publishes what has waited long enough, or all of it.
func (w *writer) release(now time.Time, all bool) {
	for key, c := range w.coalesces {
		if all || now.After(c.until) {
			delete(w.coalesces, key)
			w.letGo(c.doc)
		}
	}
	kept := w.held[:0]
	for _, h := range w.held {
		h.doc.Parties = w.parties(&h.doc.Entry)
		if !all && h.doc.Uncertain() && now.Before(h.until) {
			kept = append(kept, h)
			continue
		}
		w.letGo(h.doc)
	}
	clear(w.held[len(kept):])
	w.held = kept
}

func (w *writer) letGo(d *Document) {
	w.holding.Add(-int64(d.Count))
	w.publish(d)
}

func (w *writer) publish(d *Document) {
	w.service.deps.Outlet.Publish(d)
	w.published.Add(uint64(d.Count))
}

// flush brings the rows of the query log to the disk.
func (w *writer) flush(now time.Time, last bool) {
	tsv := w.service.tsv
	if tsv == nil || !last && (!w.unflushed || now.Sub(w.flushed) < flushEvery) {
		return
	}
	w.flushed, w.unflushed = now, false
	err := tsv.Flush(now, true)
	if last {
		err = errors.Join(err, tsv.Close())
	}
	w.rowFailures.Store(tsv.Lost())
	if err != nil {
		w.service.deps.Logger.Warn("query log rows are lost", "error", err.Error())
	}
}
