package pcapfilter_test

import (
	"errors"
	"fmt"

	"golang.org/x/net/bpf"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pcapfilter"
)

// Compile a filter, run it in the virtual machine of golang.org/x/net/bpf, and
// assemble it for SO_ATTACH_FILTER.
func ExampleCompile() {
	program, err := pcapfilter.Compile("udp dst port 53 and src net 10.137/16", packet.LinkRaw, 128)
	if err != nil {
		fmt.Println(err)
		return
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		fmt.Println(err)
		return
	}
	query := []byte{
		0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 137, 0, 6, 1, 1, 1, 1, // IPv4 from 10.137.0.6, UDP
		0xc0, 0, 0, 53, 0, 8, 0, 0, // port 49152 to 53
	}
	n, err := vm.Run(query)
	fmt.Println("keep", n, "bytes,", err)

	raw, err := bpf.Assemble(program)
	fmt.Println(len(raw) > 0, err)
	// Output:
	// keep 128 bytes, <nil>
	// true <nil>
}

// The error holds the place in the expression and what to write instead.
func ExampleError() {
	_, err := pcapfilter.Compile("tcp and host example.org", packet.LinkEthernet, 0)
	var e *pcapfilter.Error
	if errors.As(err, &e) {
		fmt.Println(e.Offset, e.What)
		fmt.Println(e.Hint)
	}
	// Output:
	// 13 host name "example.org" is not resolved
	// write the address
}
