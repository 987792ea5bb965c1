package packets

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/module/flow"
)

// Wanted are the packets of events. The zero value wants none.
type Wanted struct {
	packetstore.Query
	Events []Event
}

// Bounds of what is read: events may come from anywhere.
const (
	maxEventBytes = 64 << 20
	maxEvents     = 1000
)

// around is how long before and after an event that is not of a flow its connection's
// packets are looked for.
const around = 5 * time.Minute

// Read adds the events of a file: one JSON document after the other, as the beat has written
// them, or as Kibana shows them (with _source). name is that of the file, for errors.
func (w *Wanted) Read(in io.Reader, name string) error {
	limited := &io.LimitedReader{R: in, N: maxEventBytes}
	d := json.NewDecoder(limited)
	for n := 1; ; n++ {
		var doc document
		switch err := d.Decode(&doc); {
		case err != nil && limited.N <= 0:
			return fmt.Errorf("reading events: %s has more than %d MiB; select the events that are wanted", name, maxEventBytes>>20)
		case err == io.EOF && n == 1:
			return fmt.Errorf("reading events: %s is empty", name)
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("reading events: %s, event %d: %w", name, n, err)
		case len(w.Events) == maxEvents:
			return fmt.Errorf("reading events: %s: there are more than %d; select the events that are wanted", name, maxEvents)
		}
		if doc.Source != nil {
			doc.fields = *doc.Source
		}
		if err := w.add(&doc.fields); err != nil {
			return fmt.Errorf("reading events: %s, event %d: %w", name, n, err)
		}
	}
}

// errNoFlow is returned for an event that does not say which packets are meant.
var errNoFlow = errors.New("it names no flow: neither flow.id nor network.community_id, nor two addresses")

// add adds an event.
func (w *Wanted) add(d *fields) error {
	e, err := d.event()
	if err != nil {
		return err
	}
	switch {
	case e.Key != 0:
		if !slices.Contains(w.Keys, e.Key) {
			w.Keys = append(w.Keys, e.Key)
		}
	case e.End != nil:
		w.Ends = append(w.Ends, *e.End)
	case e.CommunityID != "":
		w.CommunityIDs = append(w.CommunityIDs, e.CommunityID)
	case e.Info == nil:
		return errNoFlow
	}
	if e.Info != nil { // by which flows are found whose keys a crash has lost
		w.Flows = append(w.Flows, e.Info)
	}
	qube := e.Qube
	if e.Key != 0 {
		qube = "" // flow.id says enough, also where the store did not know the qube
	}
	from, to := e.From, e.To
	if e.Key == 0 {
		from, to = from.Add(-around), to.Add(around)
	}
	switch {
	case len(w.Events) == 0:
		w.Qube, w.From = qube, from
	case w.Qube != qube:
		w.Qube = ""
	}
	if from.Before(w.From) {
		w.From = from
	}
	if to.After(w.To) {
		w.To = to
	}
	w.Events = append(w.Events, *e)
	return nil
}

// Around returns queries, one of each qube, for all its packets from so long before its first
// event to so long after its last. A qube that is not known is known by its interface.
func (w *Wanted) Around(span time.Duration) (queries []*packetstore.Query) {
	by := map[string]*packetstore.Query{}
	for i := range w.Events {
		e := &w.Events[i]
		qube := e.Qube
		if qube == "" {
			qube = "_" + e.Vif
		}
		q := by[qube]
		if q == nil {
			q = &packetstore.Query{Qube: qube, From: e.From.Add(-span), Match: w.Match}
			by[qube] = q
			queries = append(queries, q)
		}
		if from := e.From.Add(-span); from.Before(q.From) {
			q.From = from
		}
		if to := e.To.Add(span); to.After(q.To) {
			q.To = to
		}
	}
	return queries
}

// Expected returns how many packets the flows of the events have, and whether all events say
// it. Several events of one flow are added up, as their counters are.
func (w *Wanted) Expected() (packets uint64, known bool) {
	finals, interim := map[uint64]uint64{}, map[uint64]uint64{}
	for i := range w.Events {
		switch e := &w.Events[i]; {
		case e.Key == 0 || e.Packets == 0:
			return 0, false
		case e.Final:
			finals[e.Key] += e.Packets
		default:
			interim[e.Key] = max(interim[e.Key], e.Packets)
		}
	}
	for key, n := range interim {
		if _, ok := finals[key]; !ok {
			packets += n
		}
	}
	for _, n := range finals {
		packets += n
	}
	return packets, len(w.Events) > 0
}

// keyOf returns the number at the end of flow.id, 0 if it has none.
func keyOf(id string) uint64 {
	key, _ := flow.KeyOf(id)
	return key
}
