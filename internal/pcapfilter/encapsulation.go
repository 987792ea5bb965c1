package pcapfilter

import "fmt"

// encapsulation reads vlan, mpls, pppoes or pppoed with an optional number and
// moves the layout past the header.
func (p *parser) encapsulation() *node {
	t := p.take()
	p.qual = qualifier{}
	if t.text == "pppoed" {
		return p.over(etherPPPoED, t, constant(true))
	}
	id, hasID := p.number()
	limits := map[string]uint32{"vlan": 0xfff, "mpls": 0xfffff, "pppoes": 0xffff}
	if hasID && id.num > limits[t.text] {
		return p.fail(id, fmt.Sprintf("%s %d is out of range", t.text, id.num),
			fmt.Sprintf("the greatest number is %d", limits[t.text]))
	}
	switch t.text {
	case "vlan":
		return p.vlan(t, id.num, hasID)
	case "mpls":
		return p.mpls(t, id.num, hasID)
	}
	return p.pppoes(t, id.num, hasID)
}

// vlan tests for a tag of IEEE 802.1Q.
func (p *parser) vlan(t token, id uint32, hasID bool) *node {
	if p.lay.labels > 0 || p.lay.kind != ethernet {
		return p.fail(t, `"vlan" is not supported here`, "only Ethernet frames have a tag, before mpls and pppoes")
	}
	typ := at(p.lay.typ, 2)
	n := or(equals(typ, etherVLAN), equals(typ, etherQinQ), equals(typ, etherQinQOld))
	if hasID {
		n = and(n, equals(p.lay.network(0, 2).masked(0xfff), id))
	}
	p.lay.typ += 4
	p.lay.l3 += 4
	return n
}

// mpls tests for a label (RFC 3032).
func (p *parser) mpls(t token, label uint32, hasLabel bool) *node {
	var n *node
	switch {
	case p.lay.labels > 0: // the label before is not the last
		n = equals(at(p.lay.l3-2, 1).masked(1), 0)
	case p.lay.kind == ethernet:
		n = equals(at(p.lay.typ, 2), etherMPLS)
	case p.lay.kind == ppp:
		n = equals(at(p.lay.typ, 2), 0x281) // RFC 3032 section 4.3
	default:
		return p.fail(t, `"mpls" is not supported here`, "only Ethernet frames and PPPoE sessions carry labels")
	}
	if hasLabel {
		n = and(n, equals(p.lay.network(0, 4).masked(0xfffff000), label<<12))
	}
	p.lay.l3 += 4
	p.lay.labels++
	return n
}

// pppoes tests for a PPPoE session (RFC 2516). What follows is PPP.
func (p *parser) pppoes(t token, session uint32, hasSession bool) *node {
	n := constant(true)
	if hasSession {
		n = equals(p.lay.network(0, 4).masked(0xffff), session)
	}
	n = p.over(etherPPPoES, t, n)
	link := p.lay.l3 + 6 // PPPoE header, RFC 2516 section 4
	p.lay = layout{kind: ppp, link: link, typ: link, l3: link + 2}
	return n
}
