package verify

import (
	"net/netip"
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/qube"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// world finds qubes for the verifier.
type world struct {
	deps *Deps
	live bool
}

var _ judge.World = world{} // type check

// Name implements [judge.World].
func (w world) Name(iface uint32) string { return w.deps.Enricher.Name(iface) }

// ByDomain implements [judge.World].
func (w world) ByDomain(domid int32, at time.Time) *qube.Qube {
	return w.deps.Inventory.ByDomain(domid, at)
}

// ByAddr implements [judge.World].
func (w world) ByAddr(addr netip.Addr, at time.Time) *qube.Qube {
	return w.deps.Inventory.ByAddr(addr, at)
}

// ByName implements [judge.World].
func (w world) ByName(name string) *qube.Qube { return w.deps.Inventory.ByName(name) }

// latest is after all that an inventory says.
var latest = time.Unix(1<<40, 0)

// Local implements [judge.World]. In a replay, the addresses of the machine that captured
// are those of the qube that provides network and has no vif there.
func (w world) Local(addr netip.Addr) bool {
	if w.live {
		return w.deps.Local(addr)
	}
	q := w.deps.Inventory.ByAddr(addr, latest)
	return q != nil && q.ProvidesNetwork && !w.deps.HasVif(q.XID) && w.hasClients(q.Name)
}

// KnowsItself implements [judge.World]. Inventories need not have the machine that captured.
func (w world) KnowsItself() bool {
	return w.live || slices.ContainsFunc(w.deps.Inventory.All(), func(q *qube.Qube) bool { return w.Local(q.IP) })
}

// hasClients reports whether vifs of the clients of a qube are captured.
func (w world) hasClients(name string) bool {
	for _, client := range w.deps.Inventory.Downstream(name) {
		if q := w.deps.Inventory.ByName(client); q != nil && w.deps.HasVif(q.XID) {
			return true
		}
	}
	return false
}

// Several implements [judge.World]. Files number their interfaces from 1 on, in the order in which
// they describe them, which is in front of the packets: see ID of capture.Interfaces.
func (w world) Several() bool { return w.Name(2) != "" }

// Epoch implements [judge.World].
func (w world) Epoch(at time.Time) uint64 {
	epoch := w.deps.Inventory.Epoch(at)
	if w.deps.LocalChanges != nil {
		epoch += w.deps.LocalChanges() << 48
	}
	return epoch
}

// HasVif implements [judge.World].
func (w world) HasVif(domid int32) bool { return w.deps.HasVif(domid) }
