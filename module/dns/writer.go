package dns

import (
	"errors"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/hold"
	"github.com/qubesbeat/qubesbeat/internal/netstate"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/querylog"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// writer writes what the resolver has logged: events, and rows of the query log. If
// the output does not take them, the log fills and counts what it loses; answers do
// not wait. While nothing waits in the writer, no timer runs.
type writer struct {
	service   *Service
	enrich    *enrich.Enricher
	coalesced *coalescer
	held      *hold.Hold[*Document]
	flushed   time.Time // when rows were brought to the disk
	flushAt   time.Time // when the next are; zero if there are none

	published, queries, lost, rowFailures, rowsOver, rowsDeleted atomic.Uint64
	holding                                                      atomic.Int64 // queries that wait to be published
}

// Limits of what waits in the writer.
const (
	maxWaiting = 8192 // events that are coalesced
	// maxHeldBytes is what events may take that are held; documentSize is what one
	// takes without its name and its reply.
	maxHeldBytes = 16 << 20
	documentSize = 1024
	writerLag    = 200 * time.Millisecond // for which an event or a row may wait for others
	flushEvery   = time.Second            // between two writes to the disk
	writeBatch   = 64                     // entries taken from the log at once
)

// logPart is the name of the part that writes the query log.
const logPart = "resolver/log"

func newWriter(s *Service) *writer {
	inv := s.deps.Inventory
	w := &writer{service: s, coalesced: newCoalescer(s.conf.conf.Log.Coalesce.D()),
		enrich: &enrich.Enricher{Qubes: inv, Downstream: inv.Downstream, Name: netstate.NewNames(netstate.NamesConfig{Captured: s.deps.Captured}).Name}}
	w.held = hold.New(hold.Config[*Document]{For: s.conf.Hold, Max: maxHeldBytes, Every: writerLag, Retry: w.retry,
		Size:  func(d **Document) int { return documentSize + len((*d).Entry.Name) + len((*d).Reply) },
		Class: func(d **Document) share.Class { return (*d).Claimant() }})
	return w
}

// run writes until the log is closed and empty.
func (w *writer) run() error {
	log := w.service.log
	if log == nil {
		return nil
	}
	part := w.service.deps.Guard.Part(logPart)
	batch := make([]dnsevent.Entry, writeBatch)
	for !log.Done() {
		due := w.next()
		if part.Stopped() {
			due = time.Time{} // nothing is checked any more
		}
		for i := range batch[:log.Pop(batch, due)] {
			e := &batch[i]
			counter := &w.queries
			if part.Do(func() []byte { return e.Name }, func() { w.take(e) }) != nil {
				counter = &w.lost
			}
			counter.Add(uint64(e.Count))
		}
		_ = part.Do(nil, func() { w.check(time.Now(), false) })
	}
	for errors.Is(part.Do(nil, func() { w.check(time.Now(), true) }), guard.ErrPanic) { // again for what is left
	}
	return part.Err()
}

// next returns when check is due: the zero time while nothing waits.
func (w *writer) next() time.Time {
	next := w.held.Next()
	for _, t := range []time.Time{w.coalesced.next, w.flushAt} {
		if next.IsZero() || !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	return next
}

// check publishes what has waited long enough and brings rows to the disk; at the
// end, all of it.
func (w *writer) check(now time.Time, last bool) {
	w.coalesced.release(now, last, w.release)
	if last {
		w.held.Flush()
	} else {
		w.held.Check()
	}
	w.flush(now, last)
}

// take writes one entry.
func (w *writer) take(e *dnsevent.Entry) {
	s := w.service
	if s.tsv != nil {
		name := ""
		if e.Qube != nil {
			name = e.Qube.Name
		}
		_ = s.tsv.Write(e, name) // it counts what is lost, and Flush says why
		if w.flushAt.IsZero() {
			w.flushAt = later(w.flushed.Add(flushEvery), time.Now().Add(writerLag))
		}
	}
	if !s.conf.conf.Log.Enabled {
		return
	}
	d := NewDocument(e, w.parties(e))
	if s.deps.Observe != nil {
		s.deps.Observe(d.ObservationPoint(), e.Action == dnsevent.Blocked, uint64(e.Count))
	}
	s.deps.Names.observe(e, d.Question())
	if w.coalesced.add(d) || d.Uncertain() && w.held.Add(d) {
		w.holding.Add(int64(d.Count))
	} else {
		w.publish(d)
	}
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

// retry publishes a held event if its qube is known by now, or if it must.
func (w *writer) retry(held **Document, last bool) bool {
	d := *held
	d.Parties = w.parties(&d.Entry)
	if d.Uncertain() && !last {
		return false
	}
	w.release(d)
	return true
}

// release publishes an event that has waited, under the name that its qube may have got
// meanwhile. Its queries count as lost instead of written after a panic.
func (w *writer) release(d *Document) {
	n := uint64(d.Count)
	w.holding.Add(-int64(n))
	published := false
	defer func() {
		if !published {
			w.queries.Add(-n)
			w.lost.Add(n)
		}
	}()
	if d.Uncertain() {
		d.Parties = w.parties(&d.Entry)
	}
	w.publish(d)
	published = true
}

func (w *writer) publish(d *Document) {
	w.service.deps.Outlet.Publish(d)
	w.published.Add(uint64(d.Count))
}

// flush brings the rows of the query log to the disk.
func (w *writer) flush(now time.Time, last bool) {
	tsv := w.service.tsv
	if tsv == nil || !last && (w.flushAt.IsZero() || now.Before(w.flushAt)) {
		return
	}
	w.flushed, w.flushAt = now, time.Time{}
	err := tsv.Flush(now, true)
	if last {
		err = errors.Join(err, tsv.Close())
	}
	w.countRows(tsv.Stats())
	if err != nil {
		w.service.deps.Logger.Warn("query log rows are lost", "error", err.Error())
	}
}

// countRows takes over the counters of the query log, and logs that rows are left out
// when there are twice as many.
func (w *writer) countRows(s querylog.Stats) {
	w.rowFailures.Store(s.Lost)
	w.rowsDeleted.Store(s.Deleted)
	if before := w.rowsOver.Swap(s.Over); bits.Len64(s.Over) > bits.Len64(before) {
		w.service.deps.Logger.Warn("query log rows are left out: a qube has used its share of resolver.tsv.max_mb, or the files have reached it",
			"rows", s.Over)
	}
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
