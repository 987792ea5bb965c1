package pcapfilter

// carries returns the test that the link header names the given protocol. The
// second result is false if that cannot be tested.
func (l layout) carries(proto uint32) (*node, bool) {
	if l.labels > 0 {
		return l.labelled(proto)
	}
	switch l.kind {
	case ethernet:
		return l.etherCarries(proto), true
	case cooked:
		return l.cookedCarries(proto), true
	case cooked2: // libpcap does not look into 802.2 here
		return equals(at(l.typ, 2), proto), true
	case ppp:
		return equals(at(l.typ, 2), pppType(proto)), true
	case loopback, loopbackBE:
		return l.loopbackCarries(proto), true
	}
	return l.rawCarries(proto), true
}

// labelled tests for the protocol after the last MPLS label by the first nibble,
// because no header names it.
func (l layout) labelled(proto uint32) (*node, bool) {
	var version uint32
	switch proto {
	case etherIPv4:
		version = 0x40
	case etherIPv6:
		version = 0x60
	default:
		return nil, false
	}
	bottom := equals(at(l.l3-2, 1).masked(1), 1)
	return and(bottom, equals(at(l.l3, 1).masked(0xf0), version)), true
}

// etherCarries tests the type field of Ethernet, or the IEEE 802.2 header if the
// field holds a length.
func (l layout) etherCarries(proto uint32) *node {
	typ := at(l.typ, 2)
	isLength := not(leaf(typ, greater, maxLength))
	switch {
	case proto == sapISO, proto == sapIP, proto == sapNetBEUI:
		return and(isLength, equals(at(l.l3, 2), proto<<8|proto))
	case proto == sapIPX:
		return or(equals(typ, etherIPX),
			and(isLength, or(l.snap(etherIPX), equals(at(l.l3, 1), sapIPX), equals(at(l.l3, 2), 0xffff))))
	case proto == etherAtalk, proto == etherAARP:
		return or(equals(typ, proto), and(isLength, l.snap(proto)))
	case proto <= maxLength:
		return and(isLength, equals(at(l.l3, 1), proto))
	}
	return equals(typ, proto)
}

// snap tests for the SNAP header of the protocol: AppleTalk's own organisation
// 08-00-07 for its datagrams, that of encapsulated Ethernet for the rest.
func (l layout) snap(proto uint32) *node {
	var org uint32
	if proto == etherAtalk {
		org = 0x080007
	}
	return and(equals(at(l.l3+4, 4), org<<16|proto), equals(at(l.l3, 4), 0xaaaa0300|org>>16))
}

// cookedCarries tests the protocol field of a cooked capture.
func (l layout) cookedCarries(proto uint32) *node {
	// Protocol numbers of Linux: 802.3 frames without and with 802.2.
	const novell, llc = 1, 4
	typ := at(l.typ, 2)
	isLLC := equals(typ, llc)
	switch {
	case proto == sapISO, proto == sapIP, proto == sapNetBEUI:
		return and(isLLC, equals(at(l.l3, 2), proto<<8|proto))
	case proto == sapIPX:
		return or(equals(typ, etherIPX), equals(typ, novell), and(isLLC, or(equals(at(l.l3, 1), sapIPX), l.snap(etherIPX))))
	case proto == etherAtalk, proto == etherAARP:
		return or(equals(typ, proto), and(isLLC, l.snap(proto)))
	case proto <= maxLength:
		return and(isLLC, equals(at(l.l3, 1), proto))
	}
	return equals(typ, proto)
}

// pppType maps an EtherType or service access point to the PPP protocol field
// (RFC 1661 section 2). Numbers without a counterpart are returned unchanged.
func pppType(proto uint32) uint32 {
	switch proto {
	case etherIPv4:
		return 0x21
	case etherIPv6:
		return 0x57
	case etherDecnet:
		return 0x27
	case etherAtalk:
		return 0x29
	case sapISO:
		return 0x23
	case sapSTP:
		return 0x31
	case sapIPX:
		return 0x2b
	}
	return proto
}

// loopbackCarries tests the address family, which differs between systems.
func (l layout) loopbackCarries(proto uint32) *node {
	var families []uint32
	switch proto {
	case etherIPv4:
		families = []uint32{2}
	case etherIPv6:
		families = []uint32{30, 24, 28} // Darwin, NetBSD and OpenBSD, FreeBSD
		if l.kind == loopback {
			families = append(families, 10) // Linux
		}
	}
	res := constant(false)
	for _, f := range families {
		if l.kind == loopback {
			res = or(res, equals(at(l.link, 4), f<<24))
		}
		res = or(res, equals(at(l.link, 4), f))
	}
	return res
}

// rawCarries tests the IP version, unless the link type determines it.
func (l layout) rawCarries(proto uint32) *node {
	version := at(l.l3, 1).masked(0xf0)
	switch {
	case proto == etherIPv4 && l.kind == rawIP:
		return equals(version, 0x40)
	case proto == etherIPv6 && l.kind == rawIP:
		return equals(version, 0x60)
	}
	return constant(proto == etherIPv4 && l.kind == rawIPv4 || proto == etherIPv6 && l.kind == rawIPv6)
}
