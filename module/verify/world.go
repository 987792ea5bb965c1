package verify

import (
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/qube"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// world finds qubes for the verifier.
type world struct{ deps *Deps }

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

// Local implements [judge.World].
func (w world) Local(addr netip.Addr) bool { return w.deps.Local(addr) }

// HasVif implements [judge.World].
func (w world) HasVif(domid int32) bool { return w.deps.HasVif(domid) }
