package capture_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

func TestFile_Next_damagedPcapng(t *testing.T) {
	t.Parallel()
	for _, n := range []ng{ngLE(), ngBE()} {
		good := cat(n.section(), n.iface(1, 0), n.enhanced(0, 1e6, 4, "good"))
		offset := int64(len(good))
		word := func(v uint32) []byte { return n.AppendUint32(nil, v) }
		head := func(kind, length uint32) []byte { return cat(word(kind), word(length), word(0)) }
		lengths := func(captured uint32) []byte { return cat(make([]byte, 12), word(captured), word(60), make([]byte, 8)) }
		tests := []struct {
			name string
			rest []byte
			what string
		}{
			{name: "interface out of range", rest: n.enhanced(1, 0, 1, "a"), what: "a packet of interface 1, which was not described"},
			{name: "highest interface", rest: n.enhanced(1<<32-1, 0, 1, "a"), what: "interface 4294967295"},
			{name: "obsolete of no interface", rest: n.obsolete(9, 0, 0, 1, "a"), what: "interface 9"},
			{name: "length 0", rest: head(6, 0), what: "a length of 0"},
			{name: "length 8", rest: head(6, 8), what: "a length of 8"},
			{name: "odd length", rest: head(6, 33), what: "a length of 33"},
			{name: "odd length of an unknown block", rest: head(0xbad, 1<<32-1), what: "a length of 4294967295"},
			{name: "highest length", rest: head(6, 1<<32-4), what: "claims 4294967292 bytes"},
			{name: "length beyond the end", rest: head(6, 64), what: "ends inside a record"},
			{name: "unknown block beyond the end", rest: head(0xbad, 64), what: "ends inside a record"},
			{name: "section of no byte order", rest: n.block(0x0a0d0d0a, make([]byte, 16)), what: "byte order magic"},
			{name: "short interface block", rest: n.block(1, make([]byte, 4)), what: "interface block that is too short"},
			{name: "short enhanced block", rest: n.block(6, make([]byte, 16)), what: "packet block that is too short"},
			{name: "short obsolete block", rest: n.block(2, make([]byte, 16)), what: "packet block that is too short"},
			{name: "short simple block", rest: n.block(3, nil), what: "packet block that is too short"},
			{name: "enhanced longer than its block", rest: n.block(6, lengths(9)), what: "a packet of 9 bytes in a block with room for 8"},
			{name: "enhanced of highest length", rest: n.block(6, lengths(1<<32-1)), what: "a packet of 4294967295 bytes"},
			{name: "obsolete longer than its block", rest: n.block(2, lengths(9)), what: "a packet of 9 bytes"},
		}
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%v %s", n, tt.name), func(t *testing.T) {
				t.Parallel()
				frames, err := readBytes(cat(good, tt.rest), nil)
				checkFormat(t, err, "test.pcap", offset, tt.what)
				if diff := cmp.Diff([]capture.Frame{frame(1e9, 4, "good")}, frames); diff != "" {
					t.Errorf("frames before the damage mismatch (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestFile_Next_packetBeforeInterface(t *testing.T) {
	t.Parallel()
	n := ngLE()
	// A section forgets the interfaces of the one before.
	file := cat(n.section(), n.iface(1, 0), n.section())
	for _, packet := range [][]byte{n.enhanced(0, 0, 1, "a"), n.obsolete(0, 0, 0, 1, "a"), n.simple(1, "a")} {
		_, err := readBytes(cat(file, packet), nil)
		checkFormat(t, err, "test.pcap", int64(len(file)), "interface 0, which was not described")
	}
}

func TestFile_Next_manyInterfaces(t *testing.T) {
	t.Parallel()
	n := ngLE()
	file := n.section()
	for i := range 8192 {
		file = append(file, n.named(fmt.Sprintf("vif%d.0", i))...)
	}
	good := cat(file, n.enhanced(8191, 0, 1, "a"))
	names := new(capture.Interfaces)
	frames, err := readBytes(good, names)
	if err != nil || len(frames) != 1 {
		t.Fatalf("8192 interfaces: %d frames, %v; want 1", len(frames), err)
	}
	if got := names.Name(frames[0].Iface); got != "vif8191.0" {
		t.Errorf("Name of the last interface = %q; want vif8191.0", got)
	}
	_, err = readBytes(cat(good, n.named("vif8192.0")), names)
	checkFormat(t, err, "test.pcap", int64(len(good)), "more than 8192 interfaces")
	// The bound is one of a section, but names are remembered for all of them.
	frames, err = readBytes(cat(good, n.section(), n.named("vif8192.0"), n.enhanced(0, 0, 1, "b")), names)
	if err != nil || len(frames) != 2 {
		t.Fatalf("second section: %d frames, %v; want 2", len(frames), err)
	}
	if frames[1].Iface != 0 {
		t.Errorf("Iface of a name beyond the bound = %d; want 0", frames[1].Iface)
	}
}
