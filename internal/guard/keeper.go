package guard

import (
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/qubesbeat/qubesbeat/internal/metrics"
)

// Config holds the settings of a [Keeper].
type Config struct {
	// Dir is the directory of the inputs that caused panics, created when the first
	// one is written. If it is empty, inputs are not kept.
	Dir string
	// Logger must not be nil.
	Logger *slog.Logger
}

// Keeper recovers from the panics of a program's parts. There is one per process. It
// is safe for concurrent use. A nil Keeper recovers from nothing, so that a test
// sees the panic.
type Keeper struct {
	conf   Config
	probes atomic.Pointer[[]probe] // nil unless a test has set them

	mu    sync.Mutex // guards what follows
	parts []*Part
	seen  map[string]bool // hashes of the stacks that were logged
}

// maxStacks bounds the distinct stacks that are logged: an attacker who can cause
// panics may be able to vary their stacks.
const maxStacks = 256

// New returns a keeper without parts. It opens nothing.
func New(conf Config) *Keeper { return &Keeper{conf: conf, seen: map[string]bool{}} }

// Part returns the part of that name, the same each time. All goroutines of one kind
// share one. The name is that of the group of counters and, after a slash, what
// distinguishes the part within the group: "resolver/udp".
func (k *Keeper) Part(name string) *Part {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range k.parts {
		if p.name == name {
			return p
		}
	}
	p := &Part{keeper: k, name: name, done: make(chan struct{})}
	k.parts = append(k.parts, p)
	return p
}

// Metrics adds two counters to the group of each part: "panics", of all parts of the
// group, and "stopped", how many of them were stopped. It implements
// [metrics.Source].
func (k *Keeper) Metrics(s *metrics.Set) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	type sums struct{ panics, stopped uint64 }
	byGroup := map[string]sums{}
	var groups []string
	for _, p := range k.parts {
		group, _, _ := strings.Cut(p.name, "/")
		sum, known := byGroup[group]
		if !known {
			groups = append(groups, group)
		}
		sum.panics += p.Panics()
		if p.Stopped() {
			sum.stopped++
		}
		byGroup[group] = sum
	}
	for _, g := range groups {
		s.Group(g)
		s.Add("panics", byGroup[g].panics)
		s.Add("stopped", byGroup[g].stopped)
	}
}

var _ metrics.Source = (*Keeper)(nil) // type check
