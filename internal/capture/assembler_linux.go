package capture

import "golang.org/x/net/bpf"

// assembler puts a filter program together from parts that jump to labels. A
// conditional jump reaches 255 instructions only, so each one here steps over an
// unconditional one, which reaches everything.
type assembler struct {
	code   []bpf.Instruction
	labels map[string]int
	jumps  map[int]string // the label that an instruction jumps to
}

func newAssembler() *assembler {
	return &assembler{labels: map[string]int{}, jumps: map[int]string{}}
}

func (a *assembler) add(code ...bpf.Instruction) { a.code = append(a.code, code...) }

// label names the place of the next instruction.
func (a *assembler) label(name string) { a.labels[name] = len(a.code) }

// jump goes to a label, which must stand further down.
func (a *assembler) jump(label string) {
	a.jumps[len(a.code)] = label
	a.add(bpf.Jump{})
}

// when goes to a label where the accumulator compares so with a value.
func (a *assembler) when(cond bpf.JumpTest, value uint32, label string) {
	a.add(bpf.JumpIf{Cond: cond, Val: value, SkipFalse: 1})
	a.jump(label)
}

// include adds a program. Where it would accept a frame it goes to a label
// instead.
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
