package capture

import (
	"fmt"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// filterRefusing returns a program that refuses the frames of the given
// interfaces and takes up to snap bytes of all others. Naming what is refused
// lets a new interface in from its first packet, before anybody has heard of
// it. With more interfaces than a program can name, the rest is sorted out
// after the kernel.
func filterRefusing(refused []uint32, snap uint32) ([]bpf.RawInstruction, error) {
	const most = 2000 // BPF_MAXINSNS is 4096, two instructions each
	refused = refused[:min(len(refused), most)]
	program := []bpf.Instruction{bpf.LoadExtension{Num: bpf.ExtInterfaceIndex}}
	for _, index := range refused {
		program = append(program,
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: index, SkipTrue: 1}, bpf.RetConstant{Val: 0})
	}
	return bpf.Assemble(append(program, bpf.RetConstant{Val: snap}))
}

// attach puts a filter on a socket, in place of the one before, without a gap.
func attach(fd int, program []bpf.RawInstruction) error {
	raw := make([]unix.SockFilter, len(program))
	for i, ins := range program {
		raw[i] = unix.SockFilter{Code: ins.Op, Jt: ins.Jt, Jf: ins.Jf, K: ins.K}
	}
	fprog := unix.SockFprog{Len: uint16(len(raw)), Filter: (*unix.SockFilter)(unsafe.Pointer(&raw[0]))}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &fprog); err != nil {
		return fmt.Errorf("attaching socket filter: %w", err)
	}
	return nil
}
