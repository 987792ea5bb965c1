package inventory

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// An Index finds the qube that an address or a Xen domain belonged to at a given moment.
//
// It is safe for concurrent use. Lookups take no lock and do not allocate; they return pointers to values that never
// change, nil if nothing is found. A qube that did not change keeps its pointer from update to update. A nil Index and the
// zero Index are empty; a nil one cannot be updated.
//
// A mapping is valid from its first moment until before its last:
//
//   - The first holder of a key (an address, a domain id) has had it since the beginning of time, so that old captures
//     resolve with today's inventory.
//   - A key that is missing from an update is free from the time of that update.
//   - A key that maps to another qube, or to the same qube with a different label, netvm or other attribute, does so from
//     the time of the update, or, if it was free before, from when it became free.
//
// Mappings that ended more than Config.Retention before the latest update are forgotten. A key that appears after that is
// valid only from the latest forgotten end on. A key has at most 8 intervals: the oldest is merged into the next one if
// that is of the same qube, and dropped otherwise.
type Index struct {
	retention time.Duration
	mu        sync.Mutex // held by Update
	current   atomic.Pointer[view]
}

// A view is the state that lookups use. It is immutable.
type view struct {
	generation uint64
	at         int64
	qubes      []*qube.Qube // by name
	byName     map[string]*qube.Qube
	clients    map[string][]string // names, by netvm
	byAddr     table[netip.Addr]
	held       *filter // of byAddr
	byDomain   table[int32]
	domains    bool    // see Snapshot.Domains
	ip6        bool    // see Snapshot.IP6
	moments    []int64 // at which a mapping begins or ends, in order
}

// NewIndex returns an empty Index. It uses only cfg.Retention.
func NewIndex(cfg Config) *Index {
	return &Index{retention: cfg.withDefaults().Retention}
}

// Update makes s, which must come from Parse, the state since at. It returns the changes, by name; in the first update,
// all qubes appear. Values are copied, so that s may be used again. A nil s means no qubes.
//
// at should not be before that of the previous update. If it is, the clock was set back, and all moments that were
// recorded with the wrong clock are replaced by at: events with new timestamps must find the current state.
func (x *Index) Update(s *Snapshot, at time.Time) []Change {
	x.mu.Lock()
	defer x.mu.Unlock()
	old := cmp.Or(x.view(), emptyView())
	next := old.after(s, stamp(at), int64(orDefault(x.retention, DefaultRetention)))

	changes := diff(old.qubes, next.qubes, at)
	if next.generation = old.generation; len(changes) > 0 || old.generation == 0 {
		next.generation++
	}

	x.current.Store(next)
	return changes
}

// ByDomain returns the qube that had a Xen domain id at a given time, nil if there was none.
func (x *Index) ByDomain(domid int32, at time.Time) *qube.Qube {
	if v := x.view(); v != nil {
		return v.byDomain.at(domid, stamp(at))
	}
	return nil
}

// ByAddr returns the qube that had an address at a given time, nil if there was none. An IPv4-mapped IPv6 address is
// treated as the IPv4 address.
func (x *Index) ByAddr(addr netip.Addr, at time.Time) *qube.Qube {
	v := x.view()
	if v == nil {
		return nil
	}
	if addr = addr.Unmap(); v.held.may(addr) {
		return v.byAddr.at(addr, stamp(at))
	}
	return nil
}

// ByName returns the qube that currently has a name, nil if there is none.
func (x *Index) ByName(name string) *qube.Qube {
	if v := x.view(); v != nil {
		return v.byName[name]
	}
	return nil
}

// Downstream returns the sorted names of the qubes whose netvm is currently the one with this name: its clients, not
// theirs. The slice is shared and must not be modified.
func (x *Index) Downstream(name string) []string {
	if v := x.view(); v != nil {
		return v.clients[name]
	}
	return nil
}

// HasDomains reports whether the latest update had Xen domain ids.
func (x *Index) HasDomains() bool {
	v := x.view()
	return v != nil && v.domains
}

// HasIP6 reports whether the latest update had IPv6 addresses, or said that there are none.
func (x *Index) HasIP6() bool {
	v := x.view()
	return v != nil && v.ip6
}

// All returns the qubes of the latest update, sorted by name. The caller owns the slice.
func (x *Index) All() []*qube.Qube {
	if v := x.view(); v != nil {
		return slices.Clone(v.qubes)
	}
	return nil
}

// Generation returns the number of updates that changed anything, including the first one, 0 before that. A cache of
// lookups of the present can use it to detect that it is out of date.
func (x *Index) Generation() uint64 {
	if v := x.view(); v != nil {
		return v.generation
	}
	return 0
}

// Epoch returns a number that is another one after a change of what lookups of a moment return: after an update, and for
// moments before and after the begin or the end of a mapping. A cache can use it that also looks into the past.
func (x *Index) Epoch(at time.Time) uint64 {
	v := x.view()
	if v == nil {
		return 0
	}
	after, _ := slices.BinarySearch(v.moments, stamp(at)+1)
	return v.generation<<32 | uint64(after)
}

// view returns the current view, nil if there is none.
func (x *Index) view() *view {
	if x == nil {
		return nil
	}
	return x.current.Load()
}

// emptyView returns the view before the first update.
func emptyView() *view {
	return &view{at: beginning, byAddr: table[netip.Addr]{floor: beginning}, byDomain: table[int32]{floor: beginning}}
}

// after returns the view after an update at a moment.
func (v *view) after(s *Snapshot, moment, retention int64) *view {
	byAddr, byDomain := v.byAddr, v.byDomain
	if moment < v.at {
		byAddr, byDomain = byAddr.rewind(moment), byDomain.rewind(moment)
	}

	horizon := int64(beginning)
	if moment > beginning+retention {
		horizon = moment - retention
	}

	next := &view{at: moment, qubes: v.reuse(s)}
	next.domains, next.ip6 = s != nil && s.Domains, s != nil && s.IP6
	next.byName = make(map[string]*qube.Qube, len(next.qubes))
	next.clients = make(map[string][]string)
	for _, q := range next.qubes {
		next.byName[q.Name] = q
		if q.NetVM != "" {
			next.clients[q.NetVM] = append(next.clients[q.NetVM], q.Name)
		}
	}

	next.byAddr = byAddr.next(addresses(next.qubes), moment, horizon)
	next.held = filterOf(next.byAddr)
	next.byDomain = byDomain.next(domains(next.qubes), moment, horizon)
	next.moments = slices.Compact(slices.Sorted(func(yield func(int64) bool) {
		_ = next.byAddr.eachMoment(yield) && next.byDomain.eachMoment(yield)
	}))
	return next
}

// reuse returns the qubes of s, sorted by name. Those that did not change keep their pointers.
func (v *view) reuse(s *Snapshot) []*qube.Qube {
	if s == nil {
		return nil
	}

	qubes := make([]*qube.Qube, 0, len(s.Qubes))
	for i := range s.Qubes {
		q := s.Qubes[i]
		if old := v.byName[q.Name]; old != nil && len(differences(old, &q)) == 0 {
			qubes = append(qubes, old)
			continue
		}

		q.Tags = slices.Clone(q.Tags)
		qubes = append(qubes, &q)
	}

	slices.SortStableFunc(qubes, func(a, b *qube.Qube) int { return strings.Compare(a.Name, b.Name) })
	return qubes
}

// addresses maps the addresses of qubes to the qubes.
func addresses(qubes []*qube.Qube) map[netip.Addr]*qube.Qube {
	holders := make(map[netip.Addr]*qube.Qube, 2*len(qubes))
	for _, q := range qubes {
		for _, addr := range []netip.Addr{q.IP, q.IP6} {
			if addr.IsValid() {
				holders[addr] = q
			}
		}
	}
	return holders
}

// domains maps the Xen domain ids of running qubes, and of their stub domains, to the qubes.
func domains(qubes []*qube.Qube) map[int32]*qube.Qube {
	holders := make(map[int32]*qube.Qube, len(qubes))
	for _, q := range qubes {
		if q.XID >= 0 {
			holders[q.XID] = q
		}

		if q.StubXID > 0 {
			holders[q.StubXID] = q
		}
	}
	return holders
}
