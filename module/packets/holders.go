package packets

import (
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// holders knows who is behind each interface, and what limits each qube has. It is safe for
// concurrent use.
type holders struct {
	conf  *atomic.Pointer[config.Packets] // changed by a reload
	qubes *inventory.Index
	name  func(iface uint32) string
	hold  time.Duration // 0 if no name can come
	log   *slog.Logger

	mu    sync.Mutex
	seen  map[string]*client // by name: the qubes that had packets, up to maxSeen
	began time.Time          // of this process
	vague bool               // the log says that the inventory has no domain ids
}

// client is a qube that has or had a vif here.
type client struct {
	qube *qube.Qube
	vif  string
	gone time.Time // zero while it is there
}

// maxSeen bounds the memory for qubes that were seen: some 2 MB.
const maxSeen = 8192

// at returns who is behind an interface at a time, and whether that is known, for
// [packetstore.Config]. A qube that is not known is not excluded before its name may have
// come, so that its first packets wait.
func (h *holders) at(iface uint32, at time.Time) (packetstore.Holder, bool) {
	vif := h.name(iface)
	domid, isVif := qube.VifDomain(vif)
	if !isVif { // of this machine itself
		return packetstore.Holder{Vif: vif, Excluded: vif != "" && excluded(h.conf.Load(), nil)}, true
	}
	q := h.qubes.ByDomain(domid, at)
	if q == nil {
		h.warn()
		late := h.hold == 0 || time.Since(at) >= h.hold
		return packetstore.Holder{Vif: vif, Excluded: late && excluded(h.conf.Load(), nil)}, h.hold == 0
	}
	h.note(q, vif)
	return holderOf(q, vif, excluded(h.conf.Load(), q)), true
}

// holderOf returns what the store writes about a qube.
func holderOf(q *qube.Qube, vif string, excluded bool) packetstore.Holder {
	out := packetstore.Holder{Vif: vif, Name: q.Name, Label: q.Label, Class: q.Class, UUID: q.UUID, Netvm: q.NetVM, Tags: q.Tags, Excluded: excluded}
	for _, a := range []netip.Addr{q.IP, q.IP6} {
		if a.IsValid() {
			out.Addresses = append(out.Addresses, a)
		}
	}
	return out
}

// warn logs once that qubes cannot be told apart.
func (h *holders) warn() {
	if h.qubes.Generation() == 0 || h.qubes.HasDomains() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.vague {
		h.vague = true
		h.log.Warn("the inventory has no domain ids (XID), so it is not known whose packets are stored: they are filed under the vif, and exclude does not apply")
	}
}

// note remembers that a qube is here.
func (h *holders) note(q *qube.Qube, vif string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.seen[q.Name]
	if c == nil {
		if len(h.seen) >= maxSeen {
			h.forgetOldest()
		}
		c = &client{}
		h.seen[q.Name] = c
	}
	if c.vif != vif {
		c.gone = time.Time{}
	}
	c.qube, c.vif = q, vif
}

// forgetOldest forgets one of the qubes that are gone, or any. What is forgotten of a
// disposable is seen again in its name.
func (h *holders) forgetOldest() {
	oldest := ""
	for name, c := range h.seen {
		if o := h.seen[oldest]; o == nil || !c.gone.IsZero() && (o.gone.IsZero() || c.gone.Before(o.gone)) {
			oldest = name
		}
	}
	delete(h.seen, oldest)
}

// gone notes that an interface is not there any more.
func (h *holders) gone(iface uint32) {
	vif := h.name(iface)
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range maps.Values(h.seen) {
		if c.vif == vif && c.gone.IsZero() {
			c.gone = time.Now()
		}
	}
}

// limits returns the limits of a qube, for [packetstore.Config].
func (h *holders) limits(name string) packetstore.Limits {
	q, gone := h.last(name)
	l := packetstore.Limits{Forget: h.forget(name, q, gone)}
	if r := quotaOf(h.conf.Load(), q); r != nil {
		l.Quota, l.Reserve, l.Weight, l.FlowLimit = int64(r.Quota), int64(r.Reserve), r.Weight, int64(r.FlowLimit)
		l.HeadersOnly = r.Payload != nil && !*r.Payload
	}
	return l
}

// last returns what is known of a qube, nil if nothing is, and since when it is gone: since
// the start of this process if it was not seen, and zero if it is there.
func (h *holders) last(name string) (q *qube.Qube, gone time.Time) {
	q = h.qubes.ByName(name)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch c := h.seen[name]; {
	case c != nil && q == nil:
		return c.qube, c.gone
	case c != nil:
		return q, c.gone
	case q != nil && q.XID != qube.NoDomain:
		return q, time.Time{} // it runs, and has sent nothing yet
	}
	return q, h.began
}

// forget reports whether the packets of a qube are to be removed: those of a disposable
// that is gone for long enough. One that was gone before this process began is known by
// the name that Qubes OS gives.
func (h *holders) forget(name string, q *qube.Qube, gone time.Time) bool {
	after := h.conf.Load().ForgetDisposables.D()
	if after == 0 || gone.IsZero() || time.Since(gone) < after {
		return false
	}
	if q != nil {
		return q.Class == qube.ClassDisposable
	}
	number, ok := strings.CutPrefix(name, "disp")
	return ok && number != "" && !slices.ContainsFunc([]byte(number), func(c byte) bool { return c < '0' || c > '9' })
}

// excludes reports whether packets on an interface are excluded at a time, which is past.
func (h *holders) excludes(iface uint32, at time.Time) bool {
	return excluded(h.conf.Load(), h.behind(iface, at))
}

// wants reports whether packets on an interface may be stored at a time: also those of a
// qube whose name may still come.
func (h *holders) wants(iface uint32, at time.Time) bool {
	q := h.behind(iface, at)
	if q != nil {
		return !excluded(h.conf.Load(), q)
	}
	name := h.name(iface)
	_, isVif := qube.VifDomain(name)
	return isVif || name == "" || !excluded(h.conf.Load(), nil)
}

// behind returns the qube on an interface at a time, nil if it is not known.
func (h *holders) behind(iface uint32, at time.Time) *qube.Qube {
	domid, isVif := qube.VifDomain(h.name(iface))
	if !isVif {
		return nil
	}
	return h.qubes.ByDomain(domid, at)
}
