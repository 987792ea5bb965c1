package pcapfilter

// direction is the end of a packet that an identifier is about.
type direction int

const (
	either direction = iota // "src or dst", the default
	source
	destination
	both // "src and dst"
)

// qualifier holds what the words before an identifier say about it.
type qualifier struct {
	set   bool      // false before the first qualifier and after a relation
	proto string    // protocol keyword, or empty
	typ   string    // "host", "net", "port", "portrange", "proto", or empty
	dir   direction // which end
	named bool      // dir was written
	at    token     // where the qualifier starts
}

// primitive reads a primitive that starts with a keyword.
func (p *parser) primitive() *node {
	t := p.peek()
	p.count(t)
	switch {
	case t.kind == kindEnd:
		return p.unexpected(t, "a primitive is expected here")
	case foreign(t.text) != "" && t.kind == kindWord:
		return p.refuse(t)
	case t.is("vlan", "mpls", "pppoes", "pppoed"):
		return p.encapsulation()
	case t.is("less", "greater", "byte", "inbound", "outbound", "ifindex"):
		return p.other()
	case t.kind != kindWord:
		return p.unexpected(t, `a name or an address needs a qualifier such as "host" or "port" before it`)
	}
	return p.qualified()
}

// refuse fails at a keyword that this package does not support.
func (p *parser) refuse(t token) *node {
	return p.fail(t, t.String()+" is not supported", "it tests "+foreign(t.text)+", which this package does not read")
}

// qualified reads [protocol] [direction] [type] and what follows.
func (p *parser) qualified() *node {
	q := qualifier{set: true, at: p.peek()}
	if isProtocol(q.at.text) {
		q.proto = p.take().text
	}
	switch t := p.peek(); {
	case t.is("broadcast", "multicast"):
		p.qual = qualifier{}
		p.take()
		return p.cast(t, q.proto)
	case foreign(t.text) != "" && t.kind == kindWord && q.proto != "":
		return p.refuse(t)
	case t.is("protochain"):
		return p.fail(t, `"protochain" is not supported`,
			"a kernel filter cannot loop over the headers; test one with proto or ip6[6]")
	case t.is("gateway"):
		return p.fail(t, `"gateway" is not supported`, "write ether host MAC and not host ADDRESS")
	}
	q.dir, q.named = p.direction()
	if t, ok := p.accept("host", "net", "port", "portrange", "proto"); ok {
		if q.typ = t.text; q.typ == "proto" && q.named {
			return p.unexpected(t, "proto has no direction")
		}
	}
	if q.typ == "" && !q.named {
		return p.unqualified(q)
	}
	return p.id(q)
}

// unqualified tests a protocol without direction and type.
func (p *parser) unqualified(q qualifier) *node {
	p.qual = qualifier{}
	if q.proto == "" {
		return p.unexpected(p.peek(), "a primitive is expected here")
	}
	return p.protocol(q.at, q.proto)
}

// direction reads "src", "dst" or both of them with "or" or "and" in between. It
// reports whether there was any.
func (p *parser) direction() (direction, bool) {
	t, ok := p.accept("src", "dst")
	if !ok {
		return either, false
	}
	other := map[string]string{"src": "dst", "dst": "src"}[t.text]
	if p.ahead(1).is(other) {
		if _, ok := p.accept("or"); ok {
			p.take()
			return either, true
		}
		if _, ok := p.accept("and"); ok {
			p.take()
			return both, true
		}
	}
	if t.text == "src" {
		return source, true
	}
	return destination, true
}

// ends joins the tests of the source and of the destination.
func (d direction) ends(src, dst *node) *node {
	switch d {
	case source:
		return src
	case destination:
		return dst
	case both:
		return and(src, dst)
	}
	return or(src, dst)
}

// number reads a number in any count of parentheses.
func (p *parser) number() (token, bool) {
	i := p.pos
	for p.toks[i].is("(") {
		i++
	}
	if p.toks[i].kind != kindNum {
		return token{}, false
	}
	open := i - p.pos
	t := p.toks[i]
	p.pos = i + 1
	for range open {
		p.expect(")")
	}
	return t, true
}

// needNumber takes the next token, which must be a number.
func (p *parser) needNumber() token {
	t := p.peek()
	if t.kind != kindNum {
		p.unexpected(t, "a number is expected here")
		return t
	}
	return p.take()
}

// other reads a primitive that has no qualifiers.
func (p *parser) other() *node {
	p.qual = qualifier{}
	switch t := p.take(); t.text {
	case "less":
		return not(leaf(field{mask: allOnes}, greater, p.needNumber().num))
	case "greater":
		return leaf(field{mask: allOnes}, greaterOrEqual, p.needNumber().num)
	case "byte":
		return p.byteTest()
	case "ifindex":
		if n := p.needNumber(); p.lay.kind == cooked2 {
			return equals(at(p.lay.link+4, 4), n.num)
		}
		return p.fail(t, `"ifindex" is not supported for this link type`, "only cooked captures of version 2 hold it")
	default:
		return p.bound(t)
	}
}

// bound tests the packet type of a cooked capture.
func (p *parser) bound(t token) *node {
	const outgoing = 4 // PACKET_OUTGOING of packet(7)
	var n *node
	switch p.lay.kind {
	case cooked:
		n = equals(at(p.lay.link, 2), outgoing)
	case cooked2:
		n = equals(at(p.lay.link+10, 1), outgoing)
	default:
		return p.fail(t, t.String()+" is not supported for this link type", "only cooked captures hold the direction")
	}
	if t.text == "inbound" {
		return not(n)
	}
	return n
}

// byteTest reads the old "byte OFFSET OPERATOR NUMBER".
func (p *parser) byteTest() *node {
	off := p.needNumber().num
	op, ok := p.accept("<", ">", "=")
	if !ok {
		return p.unexpected(p.peek(), "one of < > = is expected here; write ether[0] & 1 != 0 for bits")
	}
	val := p.needNumber().num
	f := at(p.lay.link+off, 1)
	switch op.text {
	case "=":
		return equals(f, val)
	case "<":
		return not(leaf(f, greaterOrEqual, val))
	}
	return leaf(f, greater, val)
}

// cast tests for broadcast and multicast.
func (p *parser) cast(t token, proto string) *node {
	link := p.lay.link
	switch {
	case proto == "ip" && t.text == "multicast":
		return p.over(etherIPv4, t, leaf(p.lay.network(16, 1), greaterOrEqual, 224))
	case proto == "ip6" && t.text == "multicast":
		return p.over(etherIPv6, t, equals(p.lay.network(24, 1), 255))
	case proto == "ip":
		return p.fail(t, `"ip broadcast" is not supported`,
			"the network mask is not known; write dst host with the broadcast address")
	case proto != "" && proto != "link":
		return p.fail(t, t.String()+" cannot be tested for "+proto, "write ether, ip or ip6 before it")
	case p.lay.kind != ethernet:
		return p.fail(t, "link-layer "+t.text+" is not supported for this link type", "only Ethernet frames have it")
	case t.text == "multicast":
		return leaf(at(link, 1), anyBit, 1)
	}
	return mac(link, [6]byte{255, 255, 255, 255, 255, 255})
}

// over returns n with a test of the link layer's protocol before it.
func (p *parser) over(proto uint32, t token, n *node) *node {
	c, ok := p.lay.carries(proto)
	if !ok {
		return p.fail(t, "this protocol cannot be tested after mpls", "only ip and ip6 can")
	}
	return and(c, n)
}
