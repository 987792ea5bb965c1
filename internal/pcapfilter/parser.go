package pcapfilter

// parser reads the tokens from left to right and builds the tests as it goes,
// because vlan, mpls and pppoes move the headers for every later test.
//
// The first error is kept. After it the parser is at the end, so that every loop
// ends, and results no longer matter.
type parser struct {
	expr  string
	toks  []token
	pos   int
	pairs []int // for each opening bracket the index of its partner
	lay   layout
	qual  qualifier // of the last primitive
	depth int
	tests int
	err   *Error
}

// pairs returns for each opening parenthesis the index of the closing one, or 0.
func pairs(toks []token) []int {
	res := make([]int, len(toks))
	var open []int
	for i, t := range toks {
		switch {
		case t.is("("):
			open = append(open, i)
		case t.is(")") && len(open) > 0:
			res[open[len(open)-1]] = i
			open = open[:len(open)-1]
		}
	}
	return res
}

func (p *parser) peek() token { return p.toks[p.pos] }

// ahead returns the token n places after the next one.
func (p *parser) ahead(n int) token { return p.toks[min(p.pos+n, len(p.toks)-1)] }

// take returns the next token and moves past it.
func (p *parser) take() token {
	t := p.peek()
	if p.pos < len(p.toks)-1 {
		p.pos++
	}
	return t
}

// accept takes the next token if it is one of the words.
func (p *parser) accept(words ...string) (token, bool) {
	if t := p.peek(); t.is(words...) {
		return p.take(), true
	}
	return token{}, false
}

// expect takes the next token, which must be word.
func (p *parser) expect(word string) {
	if _, ok := p.accept(word); !ok {
		p.unexpected(p.peek(), `"`+word+`" is expected here`)
	}
}

// fail records the first error and returns nil, for use as a node.
func (p *parser) fail(at token, what, hint string) *node {
	if p.err == nil {
		p.err = &Error{Expr: p.expr, Offset: at.off, What: what, Hint: hint}
	}
	p.pos = len(p.toks) - 1
	return nil
}

// unexpected fails at a token that does not belong there.
func (p *parser) unexpected(t token, hint string) *node {
	return p.fail(t, "unexpected "+t.String(), hint)
}

// enter counts a level of nesting and reports whether it is allowed.
func (p *parser) enter(t token) bool {
	p.depth++
	if p.depth > maxDepth {
		p.fail(t, "the expression is nested deeper than 200 levels", "remove parentheses")
		return false
	}
	return true
}

func (p *parser) leave() { p.depth-- }

// count bounds the number of primitives.
func (p *parser) count(t token) {
	p.tests++
	if p.tests > maxTests {
		p.fail(t, "the expression has too many tests", "write fewer tests")
	}
}

// program reads the whole expression.
func (p *parser) program() *node {
	if p.peek().kind == kindEnd {
		return constant(true)
	}
	n := p.expression()
	if t := p.peek(); t.kind != kindEnd && p.err == nil {
		return p.unexpected(t, `join primitives with "and" or "or"`)
	}
	return n
}

// expression reads primitives joined by "and" and "or", which bind equally and
// associate to the left.
func (p *parser) expression() *node {
	n := p.term()
	for {
		op, ok := p.accept("and", "or")
		if !ok {
			return n
		}
		m := p.operand()
		if op.text == "and" {
			n = and(n, m)
		} else {
			n = or(n, m)
		}
	}
}

// operand reads a primitive, or an identifier that takes the qualifiers of the
// one before.
func (p *parser) operand() *node {
	if p.startsID() {
		return p.id(p.qual)
	}
	return p.term()
}

// startsID reports whether an identifier that does not start a relation comes
// next, perhaps after "not" and "(".
func (p *parser) startsID() bool {
	i, open := p.pos, 0
	for ; p.toks[i].is("not", "("); i++ {
		if p.toks[i].is("(") {
			open++
		} else {
			open = 0
		}
	}
	switch p.toks[i].kind {
	case kindName, kindAddr4, kindAddr6, kindMAC:
		return true
	case kindNum:
		for i++; open > 0 && p.toks[i].is(")"); i++ {
			open--
		}
		return !isArithmetic(p.toks[i]) || p.toks[i].is("/")
	}
	return false
}

// isArithmetic reports whether only an arithmetic expression can be before t.
func isArithmetic(t token) bool {
	return t.is("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "<", ">", "<=", ">=", "=", "!=")
}

// term reads a primitive, a relation, a group or a negation.
func (p *parser) term() *node {
	t := p.peek()
	switch {
	case t.is("not"):
		return p.negated(p.term)
	case t.is("(") && !isArithmetic(p.toks[p.pairs[p.pos]+min(1, p.pairs[p.pos])]):
		return p.group()
	case t.is("(", "-", "len"), t.kind == kindNum, isProtocol(t.text) && p.ahead(1).is("["):
		return p.relation()
	}
	return p.primitive()
}

// negated reads "not" and an operand.
func (p *parser) negated(operand func() *node) *node {
	if !p.enter(p.take()) {
		return nil
	}
	defer p.leave()
	return not(operand())
}

// group reads an expression in parentheses. Qualifiers inside it have no effect
// after it.
func (p *parser) group() *node {
	if !p.enter(p.take()) {
		return nil
	}
	defer p.leave()
	before := p.qual
	n := p.expression()
	p.qual = before
	p.expect(")")
	return n
}

// id reads an identifier, "not" and an identifier, or a list of them in
// parentheses.
func (p *parser) id(q qualifier) *node {
	p.qual = q
	switch t := p.peek(); {
	case t.is("not"):
		return p.negated(func() *node { return p.id(q) })
	case t.is("("):
		return p.idList(q)
	default:
		p.count(t)
		return p.identifier(p.take(), q)
	}
}

// idList reads identifiers in parentheses, joined by "and" and "or".
func (p *parser) idList(q qualifier) *node {
	if !p.enter(p.take()) {
		return nil
	}
	defer p.leave()
	n := p.id(q)
	for {
		op, ok := p.accept("and", "or")
		switch {
		case !ok:
			p.expect(")")
			return n
		case op.text == "and":
			n = and(n, p.id(q))
		default:
			n = or(n, p.id(q))
		}
	}
}
