package analysis

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// Config says what is added up.
type Config struct {
	// From and To bound the @timestamp, To excluded. The zero time is no bound.
	From, To time.Time
	// Qubes are names of the qubes that events must be about, except for stats. Empty, all
	// events count, also those that are about none.
	Qubes []string
	// Location is that of hours and weekdays. Nil is UTC.
	Location *time.Location
	// Locate returns what is known of a public address. It may be nil; then what the events
	// say is used.
	Locate func(netip.Addr) Location
	// Domain returns the registered domain of a name, "" if it has none. It must not be nil.
	Domain func(name string) string
	// Each is called with each event that a timeline has a use for. It may be nil, and must
	// not keep the entry.
	Each func(*Entry)
}

// Location says where an address is registered.
type Location struct {
	Country string // two letters, "" if unknown
	Network string // number and name of the autonomous system, "" if unknown
}

// Analysis is what the events say. It is not safe for concurrent use.
type Analysis struct {
	Total    Traffic // all flows
	Events   uint64
	Interim  uint64 // flow events that repeat counters, and are in no sum
	Queries  uint64
	Denied   uint64
	Refused  uint64
	Alerts   uint64
	Changed  uint64
	Excluded uint64 // events before From, after To, or about other qubes

	// Summarized are events that were left out by the beat, and that summaries have
	// counted: they are in the sums of qubes and in no table.
	Summarized uint64
	// OtherQubes are events about qubes beyond the first thousand.
	OtherQubes uint64

	Span       // of all events but stats
	Timeline   *Timeline
	Datasets   *Counts
	Names      *Names
	Domains    *Names
	Lists      *Counts
	Findings   *Findings
	Verdicts   *Verdicts
	Changes    []Change // the first ones
	Sessions   []*Session
	Files      []*File
	unsessions uint64

	conf    Config
	line    *line
	qubes   map[Key]*Qube
	others  *Qube
	pool    *pool
	axis    *axis
	scratch []byte
	isDelta bool // of the file that is being read
}

// New returns an Analysis without events.
func New(conf Config) *Analysis {
	if conf.Location == nil {
		conf.Location = time.UTC
	}
	p, x := &pool{most: maxAllRows}, new(axis)
	return &Analysis{conf: conf, line: newLine(), qubes: map[Key]*Qube{}, pool: p, axis: x, Timeline: x.newTimeline(),
		Datasets: newTable[Count, *Count](p, maxCounts), Names: newTable[Name, *Name](p, maxRows), Domains: newTable[Name, *Name](p, maxRows),
		Lists: newTable[Count, *Count](p, maxCounts), Findings: newTable[Finding, *Finding](p, maxRows), Verdicts: newTable[Verdict, *Verdict](p, maxRows)}
}

// Why a line is no event.
var (
	errTooLong = fmt.Errorf("longer than %d MiB", eventfile.MaxLine>>20)
	errDataset = errors.New("there is no event.dataset; is it a file of qubesbeat or packetbeat?")
	errTime    = errors.New("@timestamp is missing or no time of RFC 3339 between the years 1970 and 2200")
)

// add adds the event of a line.
func (a *Analysis) add(text []byte) error {
	l := a.line
	if err := l.Read(text); err != nil {
		return err
	}
	if l.at = l.value(fTime).Time(); l.at.IsZero() {
		return errTime
	}
	if len(l.value(fDataset).Bytes()) == 0 {
		return errDataset
	}
	if !a.wants() {
		a.Excluded++
		return nil
	}
	a.Events++
	if !l.is(fDataset, "qubesbeat.stats") { // of a replay, it is from another day
		a.extend(l.at, l.at)
	}
	a.count(a.Datasets, l.text(fDataset), 1)
	a.dispatch()
	if a.conf.Each != nil {
		a.pass()
	}
	return nil
}

// wants reports whether the event is selected.
func (a *Analysis) wants() bool {
	c, at := &a.conf, a.line.at
	if !c.From.IsZero() && at.Before(c.From) || !c.To.IsZero() && !at.Before(c.To) {
		return false
	}
	// What the beat has lost may be of any qube.
	return len(c.Qubes) == 0 || a.line.is(fDataset, "qubesbeat.stats") || slices.Contains(c.Qubes, a.line.text(fQubeName))
}

// dispatch adds an event by its dataset.
func (a *Analysis) dispatch() {
	switch l := a.line; string(l.value(fDataset).Bytes()) {
	case "flow":
		a.addFlow()
	case "qubesbeat.dns":
		a.addQueries(max(1, l.uint(fQueries)))
	case "qubesbeat.firewall":
		a.addRefusal()
	case "qubesbeat.finding":
		a.addFinding()
	case "qubesbeat.verify":
		a.addVerdict()
	case "qubesbeat.inventory":
		a.addChange()
	case "qubesbeat.summary":
		a.addSummary()
	case "qubesbeat.stats":
		a.addStats()
	default:
		a.addTransaction()
	}
}

// count adds n to a counter with a name.
func (a *Analysis) count(t *Counts, name string, n uint64) {
	row, isNew := t.row(a.key(name))
	if isNew {
		row.Name = name
	}
	row.N += n
}

// key returns a key of a table that is made of texts. It is valid until the next call.
func (a *Analysis) key(parts ...string) []byte {
	b := a.scratch[:0]
	for _, p := range parts {
		b = append(append(b, p...), 0xff) // no byte of UTF-8
	}
	a.scratch = b
	return b
}

// Qubes returns the qubes, sorted by bytes in descending order, with those that have no
// name and the sum of the others at the end.
func (a *Analysis) Qubes() []*Qube {
	all := make([]*Qube, 0, len(a.qubes)+1)
	for _, q := range a.qubes {
		all = append(all, q)
	}
	slices.SortFunc(all, compareQubes)
	if a.others != nil {
		all = append(all, a.others)
	}
	return all
}
