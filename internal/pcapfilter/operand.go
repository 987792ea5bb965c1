package pcapfilter

// precedence of the operators, greater binds tighter. In libpcap's grammar % and
// ^ have none: whatever operator follows is taken into their right side, and
// they are taken into the right side of every operator before.
func precedence(t token) int {
	switch {
	case t.is("|"):
		return 1
	case t.is("&"):
		return 2
	case t.is("<<", ">>"):
		return 3
	case t.is("+", "-"):
		return 4
	case t.is("*", "/"):
		return 5
	}
	return 0
}

// unaryPrecedence is above that of every operator.
const unaryPrecedence = 6

// arithmetic reads an expression of operators with a greater precedence than
// above.
func (p *parser) arithmetic(above int) *arithmetic {
	if !p.enter(p.peek()) {
		return nil
	}
	defer p.leave()
	e := p.unary()
	for p.err == nil {
		op := p.peek()
		prec := precedence(op)
		switch {
		case op.is("%", "^"):
		case prec == 0 || prec <= above:
			return e
		}
		p.take()
		r := p.arithmetic(prec)
		if p.err == nil {
			e = p.combine(op, e, r)
		}
	}
	return nil
}

// unary reads a number, a load, a negation or an expression in parentheses.
func (p *parser) unary() *arithmetic {
	t := p.take()
	switch {
	case t.is("-"):
		return p.negative(p.arithmetic(unaryPrecedence))
	case t.is("("):
		e := p.arithmetic(0)
		p.expect(")")
		return e
	case t.is("len"):
		return &arithmetic{op: "load", field: field{mask: allOnes}}
	case t.kind == kindNum:
		return number(t.num)
	case isProtocol(t.text) && t.kind == kindWord && p.peek().is("["):
		return p.access(t)
	}
	p.unexpected(t, "a number, len or a protocol with [offset] is expected here")
	return nil
}

// negative returns the negation of e.
func (p *parser) negative(e *arithmetic) *arithmetic {
	switch {
	case p.err != nil:
		return nil
	case e.isNumber():
		return number(-e.val)
	}
	return &arithmetic{op: "neg", l: e, check: e.check, need: e.need}
}

// combine keeps the protocol check of the left side alone, as libpcap does.
func (p *parser) combine(op token, l, r *arithmetic) *arithmetic {
	switch {
	case op.is("/", "%") && r.isNumber() && r.val == 0:
		p.fail(op, "division by zero", "")
		return nil
	case op.is("<<", ">>") && r.isNumber() && r.val > 31:
		p.fail(op, "shift by more than 31 bits", "a number has 32")
		return nil
	case l.isNumber() && r.isNumber():
		return number(calculate(op.text, l.val, r.val))
	}
	e := &arithmetic{op: op.text, l: l, r: r, check: l.check}
	switch {
	case r.isNumber():
		e.need = l.need
	case l.need == r.need:
		e.need = l.need + 1
	default:
		e.need = max(l.need, r.need, 1)
	}
	return e
}

// calculate returns the value of an operation on two numbers.
func calculate(op string, a, b uint32) uint32 {
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	case "%":
		return a % b
	case "&":
		return a & b
	case "|":
		return a | b
	case "^":
		return a ^ b
	case "<<":
		return a << b
	}
	return a >> b
}

// access reads "[offset]" or "[offset:size]" after a protocol.
func (p *parser) access(t token) *arithmetic {
	p.take()
	index := p.arithmetic(0)
	size := 1
	if _, ok := p.accept(":"); ok {
		n := p.needNumber()
		size = int(n.num)
		if size != 1 && size != 2 && size != 4 {
			p.fail(n, "a load of "+n.text+" bytes is not possible", "write 1, 2 or 4")
		}
	}
	p.expect("]")
	if p.err != nil {
		return nil
	}
	e := &arithmetic{op: "load", check: index.check, need: index.need}
	if index.isNumber() {
		e.field = at(index.val, size)
	} else {
		e.index, e.field = index, at(0, size)
	}
	if !p.locate(e, t) {
		p.fail(t, "bytes of "+t.String()+" cannot be read", "see pcap-filter(7) for the protocols that can")
	}
	return e
}

// locate moves the load into the header of the protocol t and adds the tests that
// must hold for it. It reports whether the protocol can be read.
func (p *parser) locate(e *arithmetic, t token) bool {
	switch t.text {
	case "link":
		e.field.off += p.lay.link
		return true
	case "ip", "ip6", "arp", "rarp", "atalk", "decnet", "lat", "sca", "moprc", "mopdl":
		e.field.off += p.lay.l3
		e.require(p.protocol(t, t.text))
		return true
	case "icmp6":
		e.field.off += p.lay.l3 + 40
		e.require(p.protocol(t, "ip6"))
		e.require(equals(p.lay.network(6, 1), ipICMPv6))
		return true
	case "tcp", "udp", "sctp", "icmp", "igmp", "igrp", "pim", "vrrp", "carp":
		e.field.off += p.lay.l3
		e.field.indirect, e.field.l3 = true, p.lay.l3
		e.check = p.behindIPv4(e.check, t)
		return true
	}
	return false
}

// behindIPv4 returns the check of a load after the IPv4 header; index holds the
// tests of the offset and may be nil.
func (p *parser) behindIPv4(index *node, t token) *node {
	n := p.over(etherIPv4, t, constant(true))
	if index != nil {
		n = and(n, index)
	}
	return and(n, p.protocol(t, t.text), p.firstFragment())
}

// require adds a test that must hold before e is evaluated.
func (e *arithmetic) require(n *node) {
	if e.check != nil {
		n = and(e.check, n)
	}
	e.check = n
}
