package capture

import "golang.org/x/net/bpf"

// assembler builds a filter program from parts that jump to labels. A conditional
// jump reaches only 255 instructions, so each one here skips an unconditional one,
// which has no such limit.
type assembler struct {
	code   []bpf.Instruction
	labels map[string]int
	jumps  map[int]string // the label that an instruction jumps to
	prefix string         // of the labels that are named
}

// newAssembler returns an assembler without instructions.
func newAssembler() *assembler {
	return &assembler{labels: map[string]int{}, jumps: map[int]string{}}
}

// add appends instructions.
func (a *assembler) add(code ...bpf.Instruction) { a.code = append(a.code, code...) }

// label names the position of the next instruction.
func (a *assembler) label(name string) { a.labels[a.prefix+name] = len(a.code) }

// jump adds a jump to a label, which must be defined further on.
func (a *assembler) jump(label string) {
	a.jumps[len(a.code)] = a.prefix + label
	a.add(bpf.Jump{})
}

// when adds a jump to a label that is taken if the comparison of the accumulator
// with value holds.
func (a *assembler) when(cond bpf.JumpTest, value uint32, label string) {
	a.add(bpf.JumpIf{Cond: cond, Val: value, SkipFalse: 1})
	a.jump(label)
}

// include adds a program, with a jump to the label accepted in place of each
// return that accepts a frame.
func (a *assembler) include(program []bpf.Instruction, accepted string) {
	for _, ins := range program {
		if r, ok := ins.(bpf.RetConstant); ok && r.Val != 0 {
			a.jump(accepted)
			continue
		}
		a.add(ins)
	}
}

// assemble resolves the labels.
func (a *assembler) assemble() ([]bpf.RawInstruction, error) {
	for at, label := range a.jumps {
		a.code[at] = bpf.Jump{Skip: uint32(a.labels[label] - at - 1)}
	}
	return bpf.Assemble(a.code)
}
