package pcapfilter

import "golang.org/x/net/bpf"

// generate compiles n to a program that returns snap or 0. If that is not
// possible, what is the reason.
func generate(n *node, snap uint32) (prog []bpf.Instruction, what string) {
	var g graph
	start := g.add(n, accept, reject)
	reached := g.thread(start)
	w := newWriter(g, start, reached)
	switch {
	case start == accept:
		return []bpf.Instruction{bpf.RetConstant{Val: snap}}, ""
	case start == reject, !w.accepts:
		return nil, "the expression rejects every frame"
	}
	w.blocks()
	if size := w.place(); size+2 > maxProgram {
		return nil, "the program is longer than the kernel's 4096 instructions"
	}
	prog = w.write()
	return append(prog, bpf.RetConstant{Val: snap}, bpf.RetConstant{Val: 0}), ""
}

// registers holds what is known of the machine's registers at the start of a
// block.
type registers struct {
	seen bool
	acc  field // value in the accumulator
	has  bool  // acc is valid
	x    uint32
	hasX bool // X holds the length of the IPv4 header at x
}

// meet returns what holds for both r and s.
func (r registers) meet(s registers) registers {
	if !r.seen {
		s.seen = true
		return s
	}
	r.has = r.has && s.has && r.acc == s.acc
	r.hasX = r.hasX && s.hasX && r.x == s.x
	return r
}

// piece is a block with its instructions and its position.
type piece struct {
	code          []bpf.Instruction
	pos           int // of the first instruction
	yesFar, noFar bool
	reached       bool
}

// size returns the number of instructions.
func (p *piece) size() int {
	n := len(p.code) + 1
	if p.yesFar {
		n++
	}
	if p.noFar {
		n++
	}
	return n
}

type writer struct {
	g       graph
	start   int
	pieces  []piece
	end     int // position of the accepting return; the other follows
	accepts bool
}

// newWriter returns a writer of the reached blocks.
func newWriter(g graph, start int, reached []bool) *writer {
	w := &writer{g: g, start: start, pieces: make([]piece, len(g))}
	for i, r := range reached {
		w.pieces[i].reached = r
		w.accepts = w.accepts || r && (g[i].yes == accept || g[i].no == accept)
	}
	return w
}

// blocks writes the loads of every block, without those whose value is in the
// accumulator already on every path to the block.
func (w *writer) blocks() {
	regs := make([]registers, len(w.g))
	for i := w.start; i >= 0; i-- {
		if !w.pieces[i].reached {
			continue
		}
		b := &w.g[i]
		var out registers
		w.pieces[i].code, out = loads(b.test, regs[i])
		for _, t := range [...]int{b.yes, b.no} {
			if t >= 0 {
				regs[t] = regs[t].meet(out)
			}
		}
	}
}

// loads returns the instructions that prepare t, and the registers after them.
func loads(t test, r registers) ([]bpf.Instruction, registers) {
	if t.code != nil {
		return t.code, registers{}
	}
	f := t.field
	if r.has && r.acc == f {
		return nil, r
	}
	var code []bpf.Instruction
	if !r.has || r.acc != f.unmasked() {
		if f.indirect && !(r.hasX && r.x == f.l3) {
			code = append(code, headerLen(f.l3))
			r.hasX, r.x = true, f.l3
		}
		code = append(code, f.load())
	}
	if f.mask != allOnes {
		code = append(code, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: f.mask})
	}
	r.has, r.acc = true, f
	return code, r
}

// place computes the position of every piece and returns the one of the final
// return instructions. A jump that is too far for 8 bits goes through an
// unconditional one after it. That moves other pieces, so place repeats until
// nothing changes; it ends because a jump never becomes near again.
func (w *writer) place() int {
	for {
		pos := 0
		for i := w.start; i >= 0; i-- {
			if w.pieces[i].reached {
				w.pieces[i].pos = pos
				pos += w.pieces[i].size()
			}
		}
		w.end = pos
		if pos > maxProgram || !w.stretch() {
			return pos
		}
	}
}

// stretch marks jumps that have become too far. It reports whether there are any.
func (w *writer) stretch() bool {
	changed := false
	for i := range w.pieces {
		p := &w.pieces[i]
		if !p.reached {
			continue
		}
		next := p.pos + len(p.code) + 1
		if !p.yesFar && w.target(w.g[i].yes)-next > 255 {
			p.yesFar, changed = true, true
		}
		if !p.noFar && w.target(w.g[i].no)-next > 255 {
			p.noFar, changed = true, true
		}
	}
	return changed
}

// target returns the position of a block or of an end.
func (w *writer) target(t int) int {
	switch t {
	case accept:
		return w.end
	case reject:
		return w.end + 1
	}
	return w.pieces[t].pos
}

// write returns the instructions of all pieces.
func (w *writer) write() []bpf.Instruction {
	prog := make([]bpf.Instruction, 0, w.end+2)
	for i := w.start; i >= 0; i-- {
		if w.pieces[i].reached {
			prog = w.append(prog, i)
		}
	}
	return prog
}

// append appends the instructions of piece i.
func (w *writer) append(prog []bpf.Instruction, i int) []bpf.Instruction {
	p, b := &w.pieces[i], &w.g[i]
	prog = append(prog, p.code...)
	next := len(prog) + 1
	yes, no := w.target(b.yes)-next, w.target(b.no)-next
	var far []bpf.Instruction
	if p.yesFar {
		far = append(far, bpf.Jump{Skip: uint32(yes - 1)})
		yes = 0
	}
	if p.noFar {
		n := len(far)
		far = append(far, bpf.Jump{Skip: uint32(no - n - 1)})
		no = n
	}
	var jump bpf.Instruction = bpf.JumpIf{Cond: b.test.cond.jump(), Val: b.test.val,
		SkipTrue: uint8(yes), SkipFalse: uint8(no)}
	if b.test.withX {
		jump = bpf.JumpIfX{Cond: b.test.cond.jump(), SkipTrue: uint8(yes), SkipFalse: uint8(no)}
	}
	return append(append(prog, jump), far...)
}
