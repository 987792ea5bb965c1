package capture

import (
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Filter is a user's filter for the interfaces that Devices selects, compiled for
// frames with an Ethernet header and for frames that begin with the IP header. A
// filter with nil programs accepts every frame.
type Filter struct {
	Devices       *Matcher
	Ethernet, Raw []bpf.Instruction
}

// filterInput is what the filter of the socket is made of, beside the settings.
type filterInput struct {
	refused []uint32       // interfaces that are not captured from
	brief   []uint32       // see RingConfig.Brief
	filters map[uint32]int // the user's filter of an interface
}

// program returns the filter of the socket. It refuses the frames of the given
// interfaces: a list of those to refuse lets a new interface pass from its first
// packet on, before the watch knows it. If there are more than a program can list,
// Next skips the frames of the others. A frame that passes goes through the user's
// filter for its interface, the first filter if the interface is not known yet,
// and is cut as the snap policy says: that of pressure if its interface is one of brief, unless
// the program would be too long for the kernel. If loading is not empty, strained is the pressure of
// those interfaces only.
func (r *Ring) program(in *filterInput, at pressure, loading []uint32) ([]bpf.RawInstruction, error) {
	const most, longest = 500, 4096 // BPF_MAXINSNS
	a := newAssembler()
	a.add(bpf.LoadExtension{Num: bpf.ExtInterfaceIndex})
	for _, index := range in.refused[:min(len(in.refused), most)] {
		a.add(bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: index, SkipTrue: 1}, bpf.RetConstant{Val: 0})
	}
	for index, n := range in.filters {
		if n > 0 && len(a.code) < 4*most {
			a.when(bpf.JumpEqual, index, fmt.Sprint("filter", n))
		}
	}
	for n := range r.cfg.Filters {
		a.filter(n, &r.cfg.Filters[n])
	}
	brief, others := in.brief, at
	if at == strained && len(loading) > 0 {
		brief, others = slices.Concat(loading, brief), calm
	}
	snap := r.cfg.Snap.under(others)
	if others >= strained || len(brief) == 0 {
		a.snaps(&snap)
		return a.assemble()
	}
	a.label("snap")
	a.add(bpf.LoadExtension{Num: bpf.ExtInterfaceIndex})
	for _, index := range brief[:min(len(brief), most)] {
		a.when(bpf.JumpEqual, index, "brief")
	}
	a.prefix = "whole "
	a.snaps(&snap)
	a.prefix = ""
	a.label("brief")
	a.prefix = "brief "
	headers := r.cfg.Snap.under(strained)
	a.snaps(&headers)
	if len(a.code) > longest {
		return r.program(&filterInput{refused: in.refused, filters: in.filters}, at, nil)
	}
	return a.assemble()
}

// filter adds a user's filter, the nth.
func (a *assembler) filter(n int, f *Filter) {
	a.label(fmt.Sprint("filter", n))
	if f.Ethernet == nil {
		a.jump("snap")
		return
	}
	ether := fmt.Sprint("filterether", n)
	a.add(bpf.LoadExtension{Num: bpf.ExtLinkLayerType})
	a.when(bpf.JumpEqual, arphrdEther, ether)
	a.when(bpf.JumpEqual, arphrdLoopback, ether)
	a.include(f.Raw, "snap")
	a.label(ether)
	a.include(f.Ethernet, "snap")
}

// refuseAll returns a program that accepts no frame.
func refuseAll() ([]bpf.RawInstruction, error) {
	return bpf.Assemble([]bpf.Instruction{bpf.RetConstant{Val: 0}})
}

// attach replaces the filter of a socket, without a gap.
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
