package qube

import "net/netip"

// NoDomain is the Xen domain id of a qube that is not running or whose domain id is not known. It is what dom0 prints
// in the XID column of a halted qube.
const NoDomain = -1

// A Qube is one qube as dom0 described it at one moment. Text that dom0 did not give is empty.
//
// A Qube that was handed out by a lookup is shared: neither it nor its Tags may be changed.
type Qube struct {
	// Name is unique and case-sensitive and may hold '.', '_' and '-': it is no host name. See ValidName.
	Name string

	// Class is one of the Class constants, or that of a later release. See ValidClass.
	Class string

	// Label is the name of the qube's colour. It orders nothing by itself: Qubes OS "does not treat the colors
	// differently" (qubes-doc, introduction/getting-started). See ValidLabel.
	Label string

	// NetVM is the name of the qube that it reaches the network through, empty if there is none.
	NetVM string

	// Template is the name of the template that its root volume comes from, empty if there is none.
	Template string

	// UUID tells a qube from a later one with the same name. It is the only thing that outlives a rename.
	UUID string

	// State is dom0's power state: Halted, Transient, Running, Paused, Suspended, Halting, Dying, Crashed or NA.
	State string

	// IP and IP6 are the addresses that its netvm sees as source, zero if it has none. They are dom0's `ip` and
	// `ip6` properties, not the `visible_ip` that net.fake-ip shows to the qube itself (qubes-core-admin,
	// qubes/vm/mix/net.py). A halted qube keeps them.
	IP, IP6 netip.Addr

	// XID is the Xen domain id, which is new at every start, or NoDomain.
	XID int32

	// StubXID is the Xen domain id of the stub domain that emulates the devices of an HVM, 0 if there is none. Until
	// the HVM has drivers of its own, its packets come in on the stub domain's vif (qubes-core-admin,
	// qubes/vm/qubesvm.py, stubdom_xid).
	StubXID int32

	// ProvidesNetwork says that other qubes may have it as netvm, and that their traffic leaves it under its own
	// address.
	ProvidesNetwork bool

	// Tags are in ascending order and without repetition.
	Tags []string
}

// Owns reports whether addr is one of the qube's addresses. An IPv4 address that is mapped into IPv6 counts as the
// IPv4 address that it is. A nil Qube owns nothing, and the zero Addr belongs to nobody.
func (q *Qube) Owns(addr netip.Addr) bool {
	if q == nil || !addr.IsValid() {
		return false
	}

	addr = addr.Unmap()

	return addr == q.IP || addr == q.IP6
}
