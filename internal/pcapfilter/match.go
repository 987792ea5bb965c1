package pcapfilter

import (
	"golang.org/x/net/bpf"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Matcher returns a function that reports whether a filter accepts a frame, for captures
// that are read from files. A link type for which the filter has no meaning has no frames
// that it accepts. The function is not safe for concurrent use.
func Matcher(expr string) (func(link packet.Link, frame []byte) bool, error) {
	if _, err := machine(expr, packet.LinkEthernet); err != nil {
		return nil, err
	}
	machines := map[packet.Link]*bpf.VM{}
	return func(link packet.Link, frame []byte) bool {
		vm, known := machines[link]
		if !known {
			vm, _ = machine(expr, link)
			machines[link] = vm
		}
		if vm == nil {
			return false
		}
		n, err := vm.Run(frame)
		return err == nil && n > 0
	}, nil
}

// machine compiles a filter for one link type.
func machine(expr string, link packet.Link) (*bpf.VM, error) {
	program, err := Compile(expr, link, 1)
	if err != nil {
		return nil, err
	}
	return bpf.NewVM(program)
}
