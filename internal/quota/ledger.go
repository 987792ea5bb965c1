package quota

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// Config holds the settings of a [Ledger].
type Config struct {
	// Burst is how many bytes of events a client may cause at once, and PerDay how many
	// more in a day.
	Burst, PerDay int64
	// Now returns a time in nanoseconds that never goes back: the times of events
	// would let a client mix old and new ones to fill its bucket.
	Now func() int64
}

// Client identifies who is charged for an event: the qube, or, if the inventory does
// not know it, the observation point. Both are beyond the reach of the client, unlike
// its address. The zero value is all others.
type Client struct{ Qube, Interface string }

// clientOf returns who is charged.
func clientOf(p *event.Parties) Client {
	if p.Qube != nil {
		return Client{Qube: p.Qube.Name}
	}
	return Client{Interface: p.Interface}
}

// maxSummaries bounds the summaries that are open, of some 1,100 bytes each. Beyond it,
// the events of all further clients share one summary for each dataset.
const maxSummaries = 1024

// key identifies a summary.
type key struct {
	client  Client
	dataset string
}

// Stats counts what a [Ledger] has decided.
type Stats struct {
	Admitted, AdmittedBytes uint64
	Summarized              uint64 // events
	SummarizedBytes         uint64
	Summaries               uint64
}

// Ledger keeps the account of every client. It is safe for concurrent use.
type Ledger struct {
	now  func() int64
	seed maphash.Seed

	mu      sync.Mutex
	rate    *share.Rate[Client] // guarded by mu, as is all that follows
	dataset *share.Rate[key]    // no dataset may use all of it
	alerts  *share.Rate[Client]
	open    map[key]*Summary
	stats   Stats
}

// day is in seconds.
const day = 24 * 60 * 60

// datasetShare is the part of a client's share that the events of one dataset may use:
// a flood of flows leaves room for what was asked and what was refused.
const datasetShare = 0.75

// Interim events are the first to be left out, for the final event of the flow has all that
// they say: they weigh three times their size among themselves, which leaves them a quarter
// of a share.
const (
	interim       = "interim"
	interimWeight = 3
)

// alertShare is what a client has for alerts, beside its share and as a part of it.
const alertShare = 1.0 / 16

// New returns a ledger in which every client has its whole burst.
func New(c Config) *Ledger {
	return &Ledger{now: c.Now, seed: maphash.MakeSeed(), open: map[key]*Summary{},
		rate:    share.NewRate[Client](float64(c.PerDay)/day, float64(c.Burst)),
		dataset: share.NewRate[key](datasetShare*float64(c.PerDay)/day, datasetShare*float64(c.Burst)),
		alerts:  share.NewRate[Client](alertShare*float64(c.PerDay)/day, alertShare*float64(c.Burst))}
}

// Admit charges the client of an event for it. If too little is left, it counts the
// event in a summary instead and reports false.
func (l *Ledger) Admit(a *event.Account) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := key{clientOf(a.Parties), a.Dataset}
	if l.take(k, a) {
		l.stats.Admitted++
		l.stats.AdmittedBytes += uint64(a.Size)
		return true
	}
	l.stats.Summarized++
	l.stats.SummarizedBytes += uint64(a.Size)
	l.summary(k).add(a, l.seed)
	return false
}

// take charges the client for an event and reports whether enough was left.
func (l *Ledger) take(k key, a *event.Account) bool {
	n, now := float64(a.Size), l.now()
	if a.Alert {
		return l.alerts.Take(k.client, n, now)
	}
	weight := n
	if a.Count == 0 {
		k.dataset, weight = interim, n*interimWeight
	}
	return l.dataset.Take(k, weight, now) && l.rate.Take(k.client, n, now)
}

// summary returns the open summary of a key.
func (l *Ledger) summary(k key) *Summary {
	s := l.open[k]
	if s == nil && len(l.open) >= maxSummaries {
		k.client = Client{}
		s = l.open[k]
	}
	if s == nil {
		s = &Summary{shared: k.client == Client{}}
		l.open[k] = s
	}
	return s
}

// Close ends the open summaries and returns them, ordered by client and dataset.
func (l *Ledger) Close() []*Summary {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) == 0 {
		return nil
	}
	keys := make([]key, 0, len(l.open))
	for k := range l.open {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	all := make([]*Summary, 0, len(keys))
	for _, k := range keys {
		all = append(all, l.open[k])
	}
	clear(l.open)
	l.stats.Summaries += uint64(len(all))
	return all
}

// compare orders keys.
func compare(a, b key) int {
	return cmp.Or(cmp.Compare(a.client.Qube, b.client.Qube), cmp.Compare(a.client.Interface, b.client.Interface), cmp.Compare(a.dataset, b.dataset))
}

// Stats returns the counters.
func (l *Ledger) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}
