package pcapfilter

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
)

// identifier builds the test of one address, number or name.
func (p *parser) identifier(t token, q qualifier) *node {
	if !q.set && t.kind >= kindName && t.kind <= kindMAC {
		return p.fail(t, t.String()+" has no qualifier", `write "host", "net" or "port" before it`)
	}
	switch t.kind {
	case kindName:
		return p.name(t, q)
	case kindNum:
		if q.typ == "net" && p.peek().is("/") {
			return p.address4(t, q)
		}
		return p.numeric(t, q)
	case kindAddr4:
		return p.address4(t, q)
	case kindAddr6:
		return p.address6(t, q)
	case kindMAC:
		return p.addressMAC(t, q)
	}
	return p.unexpected(t, "an address, a number or a name is expected here")
}

// name tests for a port or protocol by its name. Names of hosts and networks are
// not resolved.
func (p *parser) name(t token, q qualifier) *node {
	switch q.typ {
	case "port", "portrange":
		return p.portName(t, q)
	case "proto":
		v, ok := protocolNumber(t.text, q.proto)
		if !ok {
			return p.fail(t, "unknown protocol "+t.String(), "write its number")
		}
		return p.proto(t, q.proto, v)
	case "net":
		return p.fail(t, "network name "+t.String()+" is not resolved",
			"write the network as an address, such as 10.1.0.0/16")
	}
	return p.fail(t, "host name "+t.String()+" is not resolved", "write the address")
}

// numeric tests for a number, which may be an address.
func (p *parser) numeric(t token, q qualifier) *node {
	v, mask := t.num, uint32(allOnes)
	switch q.typ {
	case "port", "portrange":
		return p.portNumbers(t, q, t.num, t.num)
	case "proto":
		return p.proto(t, q.proto, v)
	case "net":
		// A short network number: 10 is 10.0.0.0/8.
		for v != 0 && v&0xff000000 == 0 {
			v, mask = v<<8, mask<<8
		}
	}
	return p.host4(t, q, v, mask)
}

// address4 reads "10.1", "10.1/16" and "10.1 mask 255.255.0.0".
func (p *parser) address4(t token, q qualifier) *node {
	addr, bits, ok := parts4(t.text)
	if !ok {
		return p.fail(t, "invalid IPv4 address "+t.String(), "each part is at most 255")
	}
	if q.typ == "port" || q.typ == "portrange" || q.typ == "proto" {
		return p.fail(t, t.String()+" is not a number for "+q.typ, "write a number or a name")
	}
	mask := uint32(allOnes) << (32 - bits)
	if m, found := p.mask4(t); found {
		if q.typ != "net" {
			return p.fail(t, "a mask needs the qualifier net", "write net "+t.text)
		}
		mask = m
	}
	if addr&^mask != 0 {
		return p.fail(t, "host bits of "+t.String()+" are set", "clear the bits after the prefix")
	}
	return p.host4(t, q, addr, mask)
}

// mask4 reads "/16" or "mask 255.255.0.0" after the address t; found is false if
// there is neither.
func (p *parser) mask4(t token) (mask uint32, found bool) {
	switch {
	case p.peek().is("/"):
		p.take()
		n := p.needNumber()
		if n.num > 32 {
			p.fail(n, "prefix length "+n.text+" is above 32", "write 0 to 32")
			return 0, true
		}
		return uint32(allOnes) << (32 - n.num), true
	case p.peek().is("mask") && t.kind == kindAddr4:
		p.take()
		m := p.take()
		mask, _, ok := parts4(m.text)
		if m.kind != kindAddr4 || !ok {
			p.fail(m, "invalid mask "+m.String(), "write it as 255.255.0.0")
		}
		return mask, true
	}
	return 0, false
}

// parts4 reads one to four decimal parts; bits is 8 for each.
func parts4(s string) (addr uint32, bits int, ok bool) {
	parts := strings.Split(s, ".")
	for _, part := range parts {
		v, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return 0, 0, false
		}
		addr = addr<<8 | uint32(v)
	}
	bits = 8 * len(parts)
	if bits > 32 {
		return 0, 0, false
	}
	return addr << (32 - bits), bits, true
}

// address6 reads an IPv6 address with an optional prefix length.
func (p *parser) address6(t token, q qualifier) *node {
	addr, err := netip.ParseAddr(t.text)
	if err != nil {
		return p.fail(t, "invalid IPv6 address "+t.String(), "see RFC 4291")
	}
	bits := 128
	if _, ok := p.accept("/"); ok {
		n := p.needNumber()
		if n.num > 128 {
			return p.fail(n, "prefix length "+n.text+" is above 128", "write 0 to 128")
		}
		bits = int(n.num)
	}
	switch {
	case q.typ == "port" || q.typ == "portrange" || q.typ == "proto":
		return p.fail(t, t.String()+" is not a number for "+q.typ, "write a number or a name")
	case bits != 128 && q.typ != "net":
		return p.fail(t, "a prefix length needs the qualifier net", "write net "+t.text)
	case q.proto != "" && q.proto != "ip6":
		return p.fail(q.at, q.proto+" cannot be used with an IPv6 address", "write ip6 or nothing")
	case netip.PrefixFrom(addr, bits).Masked().Addr() != addr:
		return p.fail(t, "host bits of "+t.String()+" are set", "clear the bits after the prefix")
	}
	b := addr.As16()
	return p.over(etherIPv6, t, q.dir.ends(p.prefix6(8, b, bits), p.prefix6(24, b, bits)))
}

// prefix6 compares the first bits of the address at off in the IPv6 header.
func (p *parser) prefix6(off uint32, addr [16]byte, bits int) *node {
	n := constant(true)
	for i := 0; i < 16 && bits > 0; i, bits = i+4, bits-32 {
		mask := uint32(allOnes) << (32 - min(bits, 32))
		n = and(n, equals(p.lay.network(off+uint32(i), 4).masked(mask), binary.BigEndian.Uint32(addr[i:])))
	}
	return n
}

// host4 tests the addresses of IPv4, ARP and RARP.
func (p *parser) host4(t token, q qualifier, addr, mask uint32) *node {
	ends := func(src, dst uint32) *node {
		return q.dir.ends(p.address(src, addr, mask), p.address(dst, addr, mask))
	}
	switch q.proto {
	case "ip":
		return p.over(etherIPv4, t, ends(12, 16))
	case "arp":
		return p.over(etherARP, t, ends(14, 24))
	case "rarp":
		return p.over(etherRARP, t, ends(14, 24))
	case "":
		ip := p.over(etherIPv4, t, ends(12, 16))
		if p.lay.labels > 0 {
			return ip
		}
		arp, _ := p.lay.carries(etherARP)
		rarp, _ := p.lay.carries(etherRARP)
		return or(ip, and(or(arp, rarp), ends(14, 24)))
	case "decnet":
		return p.fail(q.at, "decnet addresses are not supported", "write decnet alone")
	}
	return p.fail(q.at, q.proto+" cannot be used with an IPv4 address", "write ip, arp, rarp or nothing")
}

// address compares the IPv4 address at off in the network header.
func (p *parser) address(off, addr, mask uint32) *node {
	if mask == 0 {
		return constant(true)
	}
	return equals(p.lay.network(off, 4).masked(mask), addr)
}

// addressMAC reads an Ethernet address.
func (p *parser) addressMAC(t token, q qualifier) *node {
	switch {
	case q.proto != "link" || q.typ != "" && q.typ != "host":
		return p.fail(t, "Ethernet address "+t.String()+" needs the qualifier ether", "write ether host "+t.text)
	case p.lay.kind != ethernet:
		return p.fail(t, "Ethernet addresses are not supported for this link type", "only Ethernet frames have them")
	}
	var b [6]byte
	parts := strings.FieldsFunc(t.text, func(r rune) bool { return !isAlnum(byte(r)) })
	text := ""
	for _, part := range parts {
		if len(part) == 1 {
			text += "0"
		}
		text += part
	}
	if _, err := hex.Decode(b[:], []byte(text)); err != nil {
		return p.fail(t, "invalid Ethernet address "+t.String(), "write six hexadecimal bytes")
	}
	return q.dir.ends(mac(p.lay.link+6, b), mac(p.lay.link, b))
}

// mac compares an Ethernet address, its last four bytes first because they
// differ more often.
func mac(off uint32, b [6]byte) *node {
	return and(equals(at(off+2, 4), binary.BigEndian.Uint32(b[2:])),
		equals(at(off, 2), uint32(binary.BigEndian.Uint16(b[:]))))
}
