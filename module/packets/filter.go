package packets

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pcapfilter"
)

// sieve lets the packets through that the filter of the settings accepts. Its method
// accepts is for the meter's goroutine, the others are safe for concurrent use.
type sieve struct {
	text  string
	match func(link packet.Link, frame []byte) bool // nil for all

	last      *sifted // of the meter: that of lastIface, while gone is lastGone
	lastIface uint32
	lastGone  uint64
	gone      atomic.Uint64 // interfaces so far

	mu   sync.Mutex
	vifs map[uint32]*sifted
}

// sifted counts what a filter did on an interface.
type sifted struct {
	accepted, refused atomic.Uint64
	first             atomic.Int64 // when the first was refused, Unix nanoseconds
	warned            bool         // belongs to Run
}

// maxSifted bounds the interfaces that are counted one by one.
const maxSifted = 4096

// newSieve returns the sieve of a filter; "" lets everything through.
func newSieve(filter string) (*sieve, error) {
	f := &sieve{text: filter, vifs: map[uint32]*sifted{}}
	if filter == "" {
		return f, nil
	}
	var err error
	if f.match, err = pcapfilter.Matcher(filter); err != nil {
		return nil, fmt.Errorf("packets.filter: %w", err)
	}
	return f, nil
}

// accepts reports whether a packet of an interface may be stored. now is Unix nanoseconds.
func (f *sieve) accepts(iface uint32, link packet.Link, frame []byte, now int64) bool {
	if f.match == nil {
		return true
	}
	n := f.of(iface)
	if f.match(link, frame) {
		n.accepted.Add(1)
		return true
	}
	if n.refused.Add(1) == 1 {
		n.first.Store(now)
	}
	return false
}

// of returns the counters of an interface; beyond maxSifted interfaces some that are not
// shown.
func (f *sieve) of(iface uint32) *sifted {
	gone := f.gone.Load()
	if f.last != nil && f.lastIface == iface && f.lastGone == gone {
		return f.last
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.vifs[iface]
	if n == nil {
		n = &sifted{}
		if len(f.vifs) < maxSifted {
			f.vifs[iface] = n
		}
	}
	f.last, f.lastIface, f.lastGone = n, iface, gone
	return n
}

// nothingAfter is how long a filter may let nothing through on an interface with traffic
// before that is taken for a mistake.
const nothingAfter = time.Minute

// nothing reports whether the filter has let nothing through for a minute.
func (n *sifted) nothing(now time.Time) bool {
	return n.accepted.Load() == 0 && n.refused.Load() > 0 && now.Sub(time.Unix(0, n.first.Load())) >= nothingAfter
}

// counts returns the counters of an interface, nil if it had no packets.
func (f *sieve) counts(iface uint32) *sifted {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.vifs[iface]
}

// interfaces returns those that had packets, in no order.
func (f *sieve) interfaces() []uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.vifs))
}

// empty returns the interfaces on which nothing passes, each once.
func (f *sieve) empty(now time.Time) (ifaces []uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for iface, n := range f.vifs {
		if !n.warned && n.nothing(now) {
			n.warned = true
			ifaces = append(ifaces, iface)
		}
	}
	return ifaces
}

// forget forgets an interface that is gone.
func (f *sieve) forget(iface uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.vifs, iface)
	f.gone.Add(1)
}

// warnEmpty logs interfaces on which the filter lets nothing through.
func (s *Service) warnEmpty(now time.Time) {
	f := s.sieve.Load()
	for _, iface := range f.empty(now) {
		s.deps.Logger.Warn("packets.filter lets nothing through on an interface that has traffic: nothing of it is stored",
			"interface", s.deps.InterfaceName(iface), "filter", f.text)
	}
}
