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

// An Index answers which qube an address or a Xen domain belonged to at a given moment.
//
// It is safe for concurrent use. Lookups take no lock and do not allocate; they return pointers to values that never
// change, nil for what is not known. A qube that did not change keeps its pointer from update to update. A nil Index and
// the zero Index know nothing; only a nil one cannot be updated.
//
// A mapping is valid from its first moment until before its last:
//
//   - The first holder of a key (an address, a domain id) has it since the beginning of time, so that old captures
//     resolve with the inventory of today.
//   - A key that is gone from an update is free from the time of that update.
//   - A key that leads to another qube, or to the same qube with another label, netvm or any other attribute, does so from
//     the time of the update, or, if it was free before, from when it became free.
//
// What ended more than Options.Keep before the latest update is forgotten; its key, or one never seen, then is valid only
// from the latest forgotten end on. One key has 8 intervals at most: the oldest is merged into the next one if that is of
// the same qube, and dropped otherwise.
type Index struct {
	keep    time.Duration
	mu      sync.Mutex // held by Update
	current atomic.Pointer[view]
}

// A view is everything that lookups need. It is immutable.
type view struct {
	generation uint64
	at         int64
	qubes      []*qube.Qube // by name
	byName     map[string]*qube.Qube
	behind     map[string][]string // names of clients, by netvm
	byAddr     table[netip.Addr]
	byDomain   table[int32]
}

// NewIndex returns an Index that knows nothing yet. Of opts it uses Keep.
func NewIndex(opts Options) *Index {
	return &Index{keep: opts.withDefaults().Keep}
}

// Update makes s, which must be as Parse returns it, the present state of things since at. It returns what changed, by
// name; all qubes appear in the first update. Values are copied, s may be used again. A nil s means no qubes.
//
// at should not be before that of the last update. If it is, the clock was set back, and the moments that were recorded
// with the wrong clock are taken to be at: events stamped from now on must find what is current now.
func (x *Index) Update(s *Snapshot, at time.Time) []Change {
	x.mu.Lock()
	defer x.mu.Unlock()

	old := cmp.Or(x.view(), emptyView())
	next := old.after(s, stamp(at), int64(orDefault(x.keep, DefaultKeep)))

	changes := diff(old.qubes, next.qubes, at)
	if next.generation = old.generation; len(changes) > 0 || old.generation == 0 {
		next.generation++
	}

	x.current.Store(next)

	return changes
}

// ByDomain returns the qube that had this Xen domain id at that time.
func (x *Index) ByDomain(domid int32, at time.Time) *qube.Qube {
	if v := x.view(); v != nil {
		return v.byDomain.at(domid, stamp(at))
	}

	return nil
}

// ByAddr returns the qube that had this address at that time. An IPv4 address that is mapped into IPv6 counts as the
// IPv4 address that it is.
func (x *Index) ByAddr(addr netip.Addr, at time.Time) *qube.Qube {
	if v := x.view(); v != nil {
		return v.byAddr.at(addr.Unmap(), stamp(at))
	}

	return nil
}

// ByName returns the qube that has this name now.
func (x *Index) ByName(name string) *qube.Qube {
	if v := x.view(); v != nil {
		return v.byName[name]
	}

	return nil
}

// Behind returns the names, in order, of the qubes whose netvm is the one with this name now. The slice is shared and
// must not be changed.
func (x *Index) Behind(name string) []string {
	if v := x.view(); v != nil {
		return v.behind[name]
	}

	return nil
}

// All returns the qubes of the latest update by name. The slice is the caller's.
func (x *Index) All() []*qube.Qube {
	if v := x.view(); v != nil {
		return slices.Clone(v.qubes)
	}

	return nil
}

// Generation returns the number of updates that changed anything, the first one included. It is 0 as long as there was
// none, and it can tell a cache of lookups of the present that it is out of date.
func (x *Index) Generation() uint64 {
	if v := x.view(); v != nil {
		return v.generation
	}

	return 0
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
func (v *view) after(s *Snapshot, moment, keep int64) *view {
	byAddr, byDomain := v.byAddr, v.byDomain
	if moment < v.at {
		byAddr, byDomain = byAddr.fold(moment), byDomain.fold(moment)
	}

	horizon := int64(beginning)
	if moment > beginning+keep {
		horizon = moment - keep
	}

	next := &view{at: moment, qubes: v.adopt(s)}
	next.byName = make(map[string]*qube.Qube, len(next.qubes))
	next.behind = make(map[string][]string)
	for _, q := range next.qubes {
		next.byName[q.Name] = q
		if q.NetVM != "" {
			next.behind[q.NetVM] = append(next.behind[q.NetVM], q.Name)
		}
	}

	next.byAddr = byAddr.next(addresses(next.qubes), moment, horizon)
	next.byDomain = byDomain.next(domains(next.qubes), moment, horizon)

	return next
}

// adopt returns the qubes of s by name. Those that are as they were are the very same values.
func (v *view) adopt(s *Snapshot) []*qube.Qube {
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

// addresses returns the qubes by all their addresses.
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

// domains returns the qubes that run by their Xen domain ids, and by those of their stub domains.
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
