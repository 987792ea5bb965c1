package pcapfilter

// carries tests that the link header names the given protocol. The second
// result is false where the layout cannot tell.
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

// labelled guesses the protocol behind the last MPLS label from the first
// nibble, which is all there is.
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

func (l layout) etherCarries(proto uint32) *node {
	typ := at(l.typ, 2)
	isLength := not(leaf(typ, greater, maxLength))
	switch {
	case proto == sapISO, proto == sapIP, proto == sapNetBEUI:
		return and(isLength, equals(at(l.l3, 2), proto<<8|proto))
	case proto == sapIPX:
		return or(equals(typ, etherIPX), and(isLength, or(l.snap(etherIPX), equals(at(l.l3, 1), sapIPX), equals(at(l.l3, 2), 0xffff))))
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
// (RFC 1661 section 2); what has none stays as it is.
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
