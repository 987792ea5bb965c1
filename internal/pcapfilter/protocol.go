package pcapfilter

// protocol returns the test for a protocol keyword without identifier.
func (p *parser) protocol(t token, name string) *node {
	if v, ok := etherTypes[name]; ok {
		return p.over(v, t, constant(true))
	}
	if pdus := isisTypes(name); pdus != nil {
		n := constant(false)
		for _, pdu := range pdus {
			n = or(n, p.isis(t, pdu))
		}
		return n
	}
	switch name {
	case "tcp", "udp", "sctp", "pim", "ah", "esp":
		return p.proto(t, "", ipProtocols[name])
	case "icmp", "igmp", "vrrp":
		return p.proto(t, "ip", ipProtocols[name])
	case "carp":
		return p.proto(t, "ip", ipVRRP)
	case "igrp":
		return p.proto(t, "ip", ipIGRP)
	case "icmp6":
		return p.proto(t, "ip6", ipICMPv6)
	case "clnp", "esis", "isis":
		return p.proto(t, "iso", isoProtocols[name])
	}
	return p.fail(t, t.String()+" cannot stand alone", "write a type such as host, proto or broadcast after it")
}

// proto returns the test for a protocol by its number in the header of another.
func (p *parser) proto(t token, in string, v uint32) *node {
	switch in {
	case "":
		return or(p.proto(t, "ip", v), p.proto(t, "ip6", v))
	case "link":
		return p.over(v, t, constant(true))
	case "ip":
		return p.over(etherIPv4, t, equals(p.lay.network(9, 1), v))
	case "ip6":
		// One fragment header is skipped, no other extension header is.
		next := p.lay.network(6, 1)
		return p.over(etherIPv6, t, or(equals(next, v), and(equals(next, ipv6Frag), equals(p.lay.network(40, 1), v))))
	case "iso":
		return p.over(sapISO, t, equals(p.lay.network(p.lay.llcExtra, 1), v))
	case "isis":
		return p.isis(t, v)
	}
	return p.fail(t, `"`+in+` proto" is not supported`, "write ip, ip6, iso, isis or ether before proto")
}

// isis returns the test for the type of an IS-IS packet.
func (p *parser) isis(t token, pdu uint32) *node {
	n := p.proto(t, "iso", isoProtocols["isis"])
	return and(n, equals(p.lay.network(p.lay.llcExtra+4, 1), pdu))
}

// isisTypes lists the packet types of a keyword, ISO/IEC 10589 section 9.
func isisTypes(name string) []uint32 {
	switch name {
	case "l1":
		return []uint32{26, 24, 18, 15, 17}
	case "l2":
		return []uint32{27, 25, 20, 16, 17}
	case "iih":
		return []uint32{17, 15, 16}
	case "lsp":
		return []uint32{18, 20}
	case "snp":
		return []uint32{27, 26, 24, 25}
	case "csnp":
		return []uint32{24, 25}
	case "psnp":
		return []uint32{26, 27}
	}
	return nil
}

// protocolNumber looks up the name after "proto".
func protocolNumber(name, in string) (uint32, bool) {
	var v uint32
	var ok bool
	switch in {
	case "", "ip", "ip6":
		v, ok = ipProtocols[name]
	case "link":
		if name == "loopback" {
			return etherLoopback, true
		}
		v, ok = etherTypes[name]
	case "iso":
		v, ok = isoProtocols[name]
	}
	return v, ok
}

// etherTypes are the protocols that the link header names. It is never changed.
var etherTypes = map[string]uint32{
	"ip": etherIPv4, "ip6": etherIPv6, "arp": etherARP, "rarp": etherRARP, "atalk": etherAtalk, "aarp": etherAARP,
	"decnet": etherDecnet, "lat": etherLAT, "sca": etherSCA, "moprc": etherMOPRC, "mopdl": etherMOPDL,
	"iso": sapISO, "stp": sapSTP, "ipx": sapIPX, "netbeui": sapNetBEUI,
}

// isoProtocols are the first byte of an OSI packet. It is never changed.
var isoProtocols = map[string]uint32{"clnp": 0x81, "esis": 0x82, "isis": 0x83}

// ipProtocols are the names that systems list for the registry of RFC 5237. It
// is never changed.
var ipProtocols = map[string]uint32{
	"ip": 0, "hopopt": 0, "icmp": ipICMP, "igmp": ipIGMP, "ggp": 3, "ipencap": 4, "st": 5, "tcp": ipTCP, "egp": 8,
	"igp": 9, "pup": 12, "udp": ipUDP, "hmp": 20, "xns-idp": 22, "rdp": 27, "iso-tp4": 29, "dccp": 33, "xtp": 36,
	"ddp": 37, "idpr-cmtp": 38, "ipv6": 41, "ipv6-route": 43, "ipv6-frag": ipv6Frag, "idrp": 45, "rsvp": 46,
	"gre": 47, "esp": ipESP, "ah": ipAH, "skip": 57, "ipv6-icmp": ipICMPv6, "ipv6-nonxt": 59, "ipv6-opts": 60,
	"rspf": 73, "vmtp": 81, "eigrp": 88, "ospf": 89, "ax.25": 93, "ipip": 94, "etherip": 97, "encap": 98,
	"pim": ipPIM, "ipcomp": 108, "vrrp": ipVRRP, "l2tp": 115, "isis": 124, "sctp": ipSCTP, "fc": 133,
	"mobility-header": 135, "udplite": 136, "mpls-in-ip": 137, "manet": 138, "hip": 139, "shim6": 140, "wesp": 141,
	"rohc": 142,
}
