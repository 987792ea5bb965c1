package packets

import (
	"bufio"
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

	// AllOfQube says that all packets of the qube of each event are wanted: see [Wanted.Around]. Then
	// an event need not be about a flow.
	AllOfQube bool
	// Skipped says of which events no packets are looked for, because they are about no flow.
	Skipped []error
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
	d, list, err := documents(limited)
	if err != nil {
		return fmt.Errorf("reading events: %s: %w", name, err)
	}
	for n := 1; ; n++ {
		var doc document
		switch err := decode(d, list, &doc); {
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
		err := w.add(&doc.fields)
		if err != nil {
			err = fmt.Errorf("reading events: %s, event %d: %w", name, n, err)
		}
		switch {
		case errors.Is(err, ErrNoFlow) && len(w.Skipped) < maxEvents:
			w.Skipped = append(w.Skipped, err)
		case err != nil:
			return err
		}
	}
}

// Usable returns an error if events were read, and none of them says which packets are meant.
func (w *Wanted) Usable() error {
	if len(w.Events) == 0 && len(w.Skipped) > 0 {
		return w.Skipped[0]
	}
	return nil
}

// documents returns a decoder of the documents of a file, which may begin with a byte order mark, and
// whether they are in a JSON array.
func documents(in io.Reader) (d *json.Decoder, list bool, err error) {
	b := bufio.NewReader(in)
	if mark, _ := b.Peek(3); string(mark) == "\uFEFF" {
		_, _ = b.Discard(len(mark))
	}
	for {
		c, err := b.ReadByte()
		switch {
		case err == io.EOF:
			return json.NewDecoder(b), false, nil
		case err != nil:
			return nil, false, err
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			continue
		}
		if err := b.UnreadByte(); err != nil {
			return nil, false, err
		}
		d = json.NewDecoder(b)
		if c == '[' {
			_, err = d.Token()
		}
		return d, c == '[', err
	}
}

// decode decodes the next document. It returns io.EOF behind the last one.
func decode(d *json.Decoder, list bool, doc *document) error {
	if list && !d.More() {
		if _, err := d.Token(); err != nil { // the end of the array
			return fmt.Errorf("the array is not complete: %w", err)
		}
		return io.EOF
	}
	return d.Decode(doc)
}

// ErrNoFlow is wrapped by errors about an event that does not say which packets are meant.
var ErrNoFlow = errors.New("it names no flow: neither flow.id nor network.community_id, nor two addresses")

// errNoQube is returned for such an event if all packets of its qube are wanted.
var errNoQube = errors.New("it names no qube: neither qube.name nor qube.vif")

// add adds an event.
func (w *Wanted) add(d *fields) error {
	e, err := d.event()
	if err != nil {
		return err
	}
	switch {
	case w.AllOfQube && e.Qube == "" && e.Vif == "":
		return errNoQube
	case e.Key != 0:
		if !slices.Contains(w.Keys, e.Key) {
			w.Keys = append(w.Keys, e.Key)
		}
	case e.End != nil:
		w.Ends = append(w.Ends, *e.End)
	case e.CommunityID != "":
		w.CommunityIDs = append(w.CommunityIDs, e.CommunityID)
	case e.Info == nil && !w.AllOfQube:
		return ErrNoFlow
	}
	if e.Info != nil { // by which flows are found whose keys a crash has lost
		w.Flows = append(w.Flows, e.Info)
	}
	w.widen(e)
	w.Events = append(w.Events, *e)
	return nil
}

// widen has the query take in the qube and the time of an event.
func (w *Wanted) widen(e *Event) {
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
// it. Several events of one flow are added up, as their counters are, and the same event that was
// given twice counts once.
func (w *Wanted) Expected() (packets uint64, known bool) {
	type count struct {
		key, packets uint64
		from, to     time.Time
	}
	finals, interim, counted := map[uint64]uint64{}, map[uint64]uint64{}, map[count]bool{}
	for i := range w.Events {
		e := &w.Events[i]
		one := count{e.Key, e.Packets, e.From, e.To}
		switch {
		case e.Key == 0 || e.Packets == 0:
			return 0, false
		case e.Final && counted[one]:
		case e.Final:
			finals[e.Key] += e.Packets
			counted[one] = true
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
