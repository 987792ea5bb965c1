package pcapfilter

import "golang.org/x/net/bpf"

// arithmetic is a node of an arithmetic expression. Every operation is one of
// unsigned 32-bit numbers.
type arithmetic struct {
	op    string // "number", "load", "neg" or the operator's text
	val   uint32 // of a number
	field field  // of a load, without index
	index *arithmetic
	l, r  *arithmetic
	check *node // protocol tests that go before, may be nil
	need  int   // scratch cells that the evaluation uses
}

func number(v uint32) *arithmetic { return &arithmetic{op: "number", val: v} }

func (e *arithmetic) isNumber() bool { return e != nil && e.op == "number" }

// relation reads "arithmetic operator arithmetic".
func (p *parser) relation() *node {
	p.count(p.peek())
	p.qual = qualifier{}
	l := p.arithmetic(0)
	op, ok := p.accept("<", ">", "<=", ">=", "=", "!=")
	if !ok {
		return p.unexpected(p.peek(), "a comparison such as = or > is expected here")
	}
	r := p.arithmetic(0)
	if p.err != nil {
		return nil
	}
	check := constant(true)
	for _, e := range [...]*arithmetic{l, r} {
		if e.check != nil {
			check = and(check, e.check)
		}
	}
	n := compare(l, r, op.text)
	if n == nil {
		return p.fail(op, "the arithmetic needs more than 16 intermediate results", "split the expression")
	}
	return and(check, n)
}

// compare builds "l op r" from the comparisons that the kernel has.
func compare(l, r *arithmetic, op string) *node {
	switch op {
	case "<":
		return not(compare(l, r, ">="))
	case "<=":
		return not(compare(l, r, ">"))
	case "!=":
		return not(compare(l, r, "="))
	}
	if l.isNumber() && !r.isNumber() {
		if op == "=" {
			return compare(r, l, op)
		}
		return not(compare(r, l, map[string]string{">": ">=", ">=": ">"}[op])) // 5 > x is not x >= 5
	}
	t := test{cond: map[string]condition{"=": equal, ">": greater, ">=": greaterOrEqual}[op], val: r.val}
	if l.isNumber() {
		return constant(t.cond.holds(l.val, r.val))
	}
	if f, ok := l.simple(); ok && r.isNumber() {
		t.field = f
		return &node{kind: leafNode, test: t}
	}
	w := evaluator{}
	if r.isNumber() {
		w.eval(l, 0)
	} else {
		w.pair(l, r, 0)
		t.withX = true
	}
	if w.overflow {
		return nil
	}
	t.code = w.code
	return &node{kind: leafNode, test: t}
}

// simple returns the expression as a field, if it is one load with a mask.
func (e *arithmetic) simple() (field, bool) {
	if e.op == "load" && e.index == nil {
		return e.field, true
	}
	if e.op == "&" && e.r.isNumber() {
		if f, ok := e.l.simple(); ok && f.mask == allOnes {
			return f.masked(e.r.val), true
		}
	}
	return field{}, false
}

// scratchCells is the number of 32-bit memory cells of the machine.
const scratchCells = 16

// evaluator writes the instructions of an arithmetic expression.
type evaluator struct {
	code     []bpf.Instruction
	overflow bool // more than scratchCells are needed
}

func (w *evaluator) emit(ins ...bpf.Instruction) { w.code = append(w.code, ins...) }

// eval leaves the value of e in the accumulator and uses the cells from cell on.
func (w *evaluator) eval(e *arithmetic, cell int) {
	switch {
	case e.op == "number":
		w.emit(bpf.LoadConstant{Dst: bpf.RegA, Val: e.val})
	case e.op == "load":
		w.load(e, cell)
	case e.op == "neg":
		w.eval(e.l, cell)
		// The VM does not know bpf.NegateA.
		w.emit(bpf.TAX{}, bpf.LoadConstant{Dst: bpf.RegA}, bpf.ALUOpX{Op: bpf.ALUOpSub})
	case e.r.isNumber():
		w.eval(e.l, cell)
		w.emit(bpf.ALUOpConstant{Op: aluOp(e.op), Val: e.r.val})
	default:
		w.pair(e.l, e.r, cell)
		w.emit(bpf.ALUOpX{Op: aluOp(e.op)})
	}
}

// pair leaves the value of l in the accumulator and that of r in X. The one that
// needs more cells goes first, while all are free.
func (w *evaluator) pair(l, r *arithmetic, cell int) {
	if cell >= scratchCells {
		w.overflow = true
		return
	}
	if r.need > l.need {
		w.eval(r, cell)
		w.emit(bpf.StoreScratch{Src: bpf.RegA, N: cell})
		w.eval(l, cell+1)
		w.emit(bpf.LoadScratch{Dst: bpf.RegX, N: cell})
		return
	}
	w.eval(l, cell)
	w.emit(bpf.StoreScratch{Src: bpf.RegA, N: cell})
	w.eval(r, cell+1)
	w.emit(bpf.TAX{}, bpf.LoadScratch{Dst: bpf.RegA, N: cell})
}

// load leaves the bytes that e reads in the accumulator.
func (w *evaluator) load(e *arithmetic, cell int) {
	f := e.field
	if e.index == nil {
		if f.indirect {
			w.emit(headerLen(f.l3))
		}
		w.emit(f.load())
		return
	}
	w.eval(e.index, cell)
	if f.indirect {
		w.emit(headerLen(f.l3), bpf.ALUOpX{Op: bpf.ALUOpAdd})
	}
	w.emit(bpf.TAX{}, bpf.LoadIndirect{Off: min(f.off, farOffset), Size: f.size})
}

// aluOp returns the instruction for an operator.
func aluOp(op string) bpf.ALUOp {
	return map[string]bpf.ALUOp{
		"+": bpf.ALUOpAdd, "-": bpf.ALUOpSub, "*": bpf.ALUOpMul, "/": bpf.ALUOpDiv, "%": bpf.ALUOpMod,
		"&": bpf.ALUOpAnd, "|": bpf.ALUOpOr, "^": bpf.ALUOpXor, "<<": bpf.ALUOpShiftLeft, ">>": bpf.ALUOpShiftRight,
	}[op]
}
