package qube

import "net/netip"

// NoDomain is the Xen domain id of a qube that is not running or whose domain id is not known, as in dom0's XID
// column.
const NoDomain = -1

// A Qube is one qube as dom0 described it at one time. Strings that dom0 did not give are empty.
//
// A Qube that a lookup returns is shared: neither it nor its Tags may be changed.
type Qube struct {
	// Name is unique and case-sensitive and may contain '.', '_' and '-': it is not a host name. See ValidName.
	Name string

	// Class is one of the Class constants or a class of a later release. See ValidClass.
	Class string

	// Label is the name of the qube's colour. It implies no order: Qubes OS "does not treat the colors differently"
	// (qubes-doc, introduction/getting-started). See ValidLabel.
	Label string

	// NetVM is the name of the qube that provides its network, empty if there is none.
	NetVM string

	// Template is the name of the template of its root volume, empty if there is none.
	Template string

	// UUID distinguishes a qube from a later one with the same name. It is the only property that survives a rename.
	UUID string

	// State is dom0's power state: Halted, Transient, Running, Paused, Suspended, Halting, Dying, Crashed or NA.
	State string

	// IP and IP6 are the source addresses that its netvm sees, invalid if it has none. They are dom0's `ip` and `ip6`
	// properties, not the `visible_ip` that net.fake-ip shows to the qube itself (qubes-core-admin,
	// qubes/vm/mix/net.py). A halted qube keeps them.
	IP, IP6 netip.Addr

	// XID is the Xen domain id, a new one at every start, or NoDomain.
	XID int32

	// StubXID is the Xen domain id of the stub domain that emulates the devices of an HVM, 0 if there is none. Until
	// the HVM has loaded its own drivers, its packets come in on the stub domain's vif (qubes-core-admin,
	// qubes/vm/qubesvm.py, stubdom_xid).
	StubXID int32

	// ProvidesNetwork reports whether other qubes may have it as netvm, whose traffic then leaves it under its address.
	ProvidesNetwork bool

	// Exit is the way by which dom0 says that it reaches the outside: tor for a gateway of Tor, anon for a qube that
	// belongs behind one, else empty.
	Exit string

	// Tags are in ascending order, without duplicates.
	Tags []string
}

// Owns reports whether addr is one of the qube's addresses. An IPv4-mapped IPv6 address counts as the IPv4 address. A
// nil Qube owns no address, and no qube owns the zero Addr.
func (q *Qube) Owns(addr netip.Addr) bool {
	if q == nil || !addr.IsValid() {
		return false
	}

	addr = addr.Unmap()

	return addr == q.IP || addr == q.IP6
}
