package report

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// Tally adds up flow and transaction events per qube. The zero value is ready for use.
type Tally struct {
	qubes  map[string]*QubeTally
	fields *eventfile.Fields
	Events int // of all kinds
	Flows  int
	// Transactions counts the events of protocol analyzers and the queries of the resolver.
	Transactions int
	// Summarized are the events that were left out, and that summaries have counted:
	// they are in all sums.
	Summarized uint64

	isDelta bool // the flows of the file that is being read have delta reports
}

// QubeTally holds the sums of one qube.
type QubeTally struct {
	Name, Label  string // Name is "" for flows of unknown qubes
	Flows        int
	Out, In      uint64 // bytes that the qube sent and received
	Spoofed      int    // flows with a source address that is not the qube's
	Refused      uint64 // packets that the firewall refused
	Summarized   uint64 // events that are in summaries
	destinations map[string]uint64
	transactions map[string]int // by protocol
	denied       int            // queries that the resolver blocked, refused or dropped
}

// Destination is a peer of a qube and the bytes exchanged with it.
type Destination struct {
	Name  string
	Bytes uint64
}

// ReadEvents adds the events of an NDJSON file. Of flows, only final events count, unless the
// file has delta reports, whose bytes add up. Invalid
// lines, as a full disk leaves behind, are skipped; the error names the first of them and
// says how many there are.
func (t *Tally) ReadEvents(name string, r io.Reader) error {
	all, isDelta := eventfile.Ahead(r)
	t.isDelta = isDelta
	lines := eventfile.NewLines(all, eventfile.MaxLine)
	var failure error
	bad := 0
	for {
		line, tooLong, err := lines.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.Join(failure, fmt.Errorf("reading %s: %w", name, err))
		}
		if err := t.addLine(line, tooLong); err != nil {
			if bad++; bad == 1 {
				failure = fmt.Errorf("%s:%d: not an event of the file output: %w", name, lines.Number, err)
			}
		}
	}
	if bad > 1 {
		return fmt.Errorf("%w (and %d more lines)", failure, bad-1)
	}
	return failure
}

// errTooLong is the fault of a line that is passed over.
var errTooLong = fmt.Errorf("longer than %d MiB", eventfile.MaxLine>>20)

// addLine adds the event of a line, which may be empty.
func (t *Tally) addLine(line []byte, tooLong bool) error {
	if tooLong {
		return errTooLong
	}
	if len(line) == 0 {
		return nil
	}
	if t.fields == nil {
		t.fields = eventfile.NewFields(paths[:]...)
	}
	if err := t.fields.Read(line); err != nil {
		return err
	}
	t.add(newFlowEvent(t.fields))
	return nil
}

func (t *Tally) add(e *flowEvent) {
	t.Events++
	if e.Event.Dataset == "qubesbeat.dns" {
		t.addQuery(e)
		return
	}
	if e.Event.Dataset == "qubesbeat.firewall" {
		q := t.qube(e.Qube.Name)
		q.Refused += e.Firewall.Count
		q.setLabel(e)
		return
	}
	if e.Event.Dataset == "qubesbeat.summary" {
		t.addSummary(e)
		return
	}
	if e.isTransaction() {
		t.Transactions++
		t.qube(e.Qube.Name).transactions[safetext.Line(e.Type)]++
		return
	}
	if e.Event.Dataset == "flow" && (e.Flow.Final || t.isDelta) {
		t.addFlow(e)
	}
}

// addFlow adds a report of a flow. The final one counts as the flow.
func (t *Tally) addFlow(e *flowEvent) {
	q := t.qube(e.Qube.Name)
	q.setLabel(e)
	if e.Flow.Final {
		t.Flows++
		q.Flows++
		if e.Qube.Attribution == "spoofed" {
			q.Spoofed++
		}
	}
	out, in, peer := e.Source.Bytes, e.Destination.Bytes, destination(e)
	if e.clientIsDestination() {
		out, in, peer = in, out, source(e)
	}
	q.Out += out
	q.In += in
	q.destinations[safetext.Line(peer)] += out + in
}

// addQuery adds an event of the resolver, which may stand for several queries.
func (t *Tally) addQuery(e *flowEvent) {
	n := max(1, e.Queries)
	t.Transactions += n
	q := t.qube(e.Qube.Name)
	q.setLabel(e)
	q.transactions["dns"] += n
	if isDenied(e.Event.Action) {
		q.denied += n
	}
}

// isDenied reports whether the resolver has given no answer, by its action.
func isDenied(action string) bool {
	return action == "dns-blocked" || action == "dns-refused" || action == "dns-dropped"
}

// isTransaction reports whether an event is from a protocol analyzer: its dataset is the
// name of the protocol.
func (e *flowEvent) isTransaction() bool {
	return e.Event.Kind == "event" && e.Type != "flow" && e.Type != "" && e.Type == e.Event.Dataset
}

// clientIsDestination reports whether the event's qube is the destination.
func (e *flowEvent) clientIsDestination() bool {
	return e.Network.Direction == "inbound" || e.Qube.IP == e.Destination.IP && e.Qube.IP != e.Source.IP
}

// setLabel takes the label of an event, if it has one.
func (q *QubeTally) setLabel(e *flowEvent) {
	q.Label = cmp.Or(safetext.Line(e.Qube.Label), q.Label)
}

func (t *Tally) qube(name string) *QubeTally {
	name = safetext.Line(name)
	if t.qubes == nil {
		t.qubes = map[string]*QubeTally{}
	}
	if t.qubes[name] == nil {
		t.qubes[name] = &QubeTally{Name: name, destinations: map[string]uint64{}, transactions: map[string]int{}}
	}
	return t.qubes[name]
}

func destination(e *flowEvent) string {
	d := &e.Destination
	return endpoint(cmp.Or(d.Domain, d.Qube, e.ServerName, d.IP), d.Port, e.Network.Transport)
}

func source(e *flowEvent) string {
	return endpoint(cmp.Or(e.Source.Qube, e.Source.IP), e.Source.Port, e.Network.Transport)
}

func endpoint(host string, port int, transport string) string {
	if port == 0 {
		return host + " " + transport
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(port)
}

// Qubes returns the qubes, sorted by bytes in descending order, with the unknown qube last.
func (t *Tally) Qubes() []*QubeTally {
	out := make([]*QubeTally, 0, len(t.qubes))
	for _, q := range t.qubes {
		out = append(out, q)
	}
	slices.SortFunc(out, func(a, b *QubeTally) int {
		if (a.Name == "") != (b.Name == "") {
			return cmp.Compare(b.Name, a.Name)
		}
		return cmp.Or(cmp.Compare(b.Out+b.In, a.Out+a.In), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// Kinds returns the protocols of the qube's transactions with their counts, the most
// frequent first.
func (q *QubeTally) Kinds() []string {
	names := slices.SortedFunc(maps.Keys(q.transactions), func(a, b string) int {
		return cmp.Or(cmp.Compare(q.transactions[b], q.transactions[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		names[i] = Count(uint64(q.transactions[name])) + " " + name
		if name == "dns" && q.denied > 0 {
			names[i] += " (" + Count(uint64(q.denied)) + " denied)"
		}
	}
	return names
}

// Top returns the n peers with the most bytes.
func (q *QubeTally) Top(n int) []Destination {
	all := make([]Destination, 0, len(q.destinations))
	for name, bytes := range q.destinations {
		all = append(all, Destination{name, bytes})
	}
	slices.SortFunc(all, func(a, b Destination) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
	return all[:min(n, len(all))]
}
