package capture_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// at returns f as seen on an interface.
func at(f capture.Frame, iface uint32, link packet.Link, direction packet.Direction) capture.Frame {
	f.Iface, f.Link, f.Direction = iface, link, direction
	return f
}

func TestNewReader_pcapng(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]ng{"little-endian": ngLE(), "big-endian": ngBE()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, tt := range ngTests(n) {
				t.Run(tt.name, func(t *testing.T) {
					t.Parallel()
					got, err := readBytes(tt.file, nil)
					if err != nil {
						t.Fatalf("Next: %v; want io.EOF", err)
					}
					if diff := cmp.Diff(tt.want, got); diff != "" {
						t.Errorf("frames mismatch (-want +got):\n%s", diff)
					}
				})
			}
		})
	}
}

type ngTest struct {
	name string
	file []byte
	want []capture.Frame
}

func ngTests(n ng) []ngTest {
	const e = packet.LinkEthernet
	const ts, ns = 1_700_000_000_123_456, 1_700_000_000_123_456_000
	begin := cat(n.section(), n.named("vif7.0"))
	return []ngTest{
		{name: "section only", file: n.section()},
		{name: "no packets", file: begin},
		{name: "enhanced", file: cat(begin, n.enhanced(0, ts, 60, "first"), n.enhanced(0, ts+1, 4, "next")),
			want: []capture.Frame{at(frame(ns, 60, "first"), 1, e, 0), at(frame(ns+1000, 4, "next"), 1, e, 0)}},
		{name: "obsolete", file: cat(begin, n.obsolete(0, 9, ts, 60, "first")),
			want: []capture.Frame{at(frame(ns, 60, "first"), 1, e, 0)}},
		// A simple packet has no time; the last one's stands in.
		{name: "simple", file: cat(begin, n.simple(5, "early"), n.enhanced(0, ts, 5, "first"), n.simple(3, "abc")),
			want: []capture.Frame{at(frame(0, 5, "early"), 1, e, 0), at(frame(ns, 5, "first"), 1, e, 0), at(frame(ns, 3, "abc"), 1, e, 0)}},
		{name: "simple cut by snap length", file: cat(n.section(), n.iface(1, 6), n.simple(1500, "abcdef\x00\x00")),
			want: []capture.Frame{at(frame(0, 1500, "abcdef"), 0, e, 0)}},
		{name: "nameless interface", file: cat(n.section(), n.iface(1, 0), n.enhanced(0, ts, 1, "a")),
			want: []capture.Frame{at(frame(ns, 1, "a"), 0, e, 0)}},
		{name: "interfaces", file: cat(begin, n.iface(113, 0, n.option(2, []byte("any"))), n.enhanced(1, ts, 1, "a"),
			n.named("eth0"), n.enhanced(2, ts, 1, "b"), n.enhanced(0, ts, 1, "c")),
			want: []capture.Frame{at(frame(ns, 1, "a"), 2, packet.LinkSLL, 0), at(frame(ns, 1, "b"), 3, e, 0), at(frame(ns, 1, "c"), 1, e, 0)}},
		// Each section numbers its interfaces from 0; equal names are one observation point.
		{name: "sections", file: cat(begin, n.enhanced(0, ts, 1, "a"), n.section(), n.named("eth0"), n.named("vif7.0"),
			n.enhanced(0, ts, 1, "b"), n.enhanced(1, ts, 1, "c")),
			want: []capture.Frame{at(frame(ns, 1, "a"), 1, e, 0), at(frame(ns, 1, "b"), 2, e, 0), at(frame(ns, 1, "c"), 1, e, 0)}},
		{name: "sections of both byte orders", file: cat(begin, ngLE().section(), ngLE().named("a"), ngLE().enhanced(0, ts, 1, "a"),
			ngBE().section(), ngBE().named("b"), ngBE().enhanced(0, ts, 1, "b")),
			want: []capture.Frame{at(frame(ns, 1, "a"), 2, e, 0), at(frame(ns, 1, "b"), 3, e, 0)}},
		{name: "unknown blocks", file: cat(n.block(0x0a0d0d0a, cat(n.section()[8:24], make([]byte, 400))), n.block(5, make([]byte, 20)), n.named("vif7.0"),
			n.block(0x80000001, make([]byte, 3<<20)), n.block(4, nil), n.enhanced(0, ts, 1, "a"), n.block(0xbad, make([]byte, 7))),
			want: []capture.Frame{at(frame(ns, 1, "a"), 1, e, 0)}},
		{name: "link type that is not supported", file: cat(n.section(), n.iface(105, 0), n.enhanced(0, ts, 1, "a")),
			want: []capture.Frame{at(frame(ns, 1, "a"), 0, 105, 0)}},
		{name: "wire length less than captured", file: cat(begin, n.enhanced(0, ts, 1, "data")),
			want: []capture.Frame{at(frame(ns, 4, "data"), 1, e, 0)}},
	}
}

func TestFile_Next_pcapngFlags(t *testing.T) {
	t.Parallel()
	comment := func(n ng) []byte { return n.option(1, []byte("a comment of odd length")) }
	for _, n := range []ng{ngLE(), ngBE()} {
		word := func(v uint32) []byte { return n.option(2, n.AppendUint32(nil, v)) }
		tests := []struct {
			name    string
			options [][]byte
			want    packet.Direction
		}{
			{name: "none"},
			{name: "inbound", options: [][]byte{word(1)}, want: packet.Inbound},
			{name: "outbound", options: [][]byte{word(2)}, want: packet.Outbound},
			{name: "not known", options: [][]byte{word(0)}},
			{name: "not defined", options: [][]byte{word(3)}},
			// Bits 2 to 4 are how it was received, the upper ones link errors.
			{name: "with other bits", options: [][]byte{word(0xffff001d)}, want: packet.Inbound},
			{name: "after a comment", options: [][]byte{comment(n), word(2), n.option(0, nil)}, want: packet.Outbound},
			{name: "after the end", options: [][]byte{n.option(0, nil), word(2)}},
			{name: "of three bytes", options: [][]byte{n.option(2, []byte{1, 1, 1})}},
			{name: "after an option that extends beyond the end", options: [][]byte{n.AppendUint16(n.AppendUint16(nil, 1), 500), word(2)}},
		}
		for _, tt := range tests {
			file := cat(n.section(), n.named("vif7.0"), n.enhanced(0, 0, 5, "outer", word(1)), n.enhanced(0, 0, 5, "frame", tt.options...))
			got, err := readBytes(file, nil)
			if err != nil || len(got) != 2 {
				t.Errorf("%v %s: %d frames, %v; want 2", n, tt.name, len(got), err)
				continue
			}
			if got[1].Direction != tt.want || string(got[1].Data) != "frame" {
				t.Errorf("%v %s: Direction = %v; want %v", n, tt.name, got[1].Direction, tt.want)
			}
		}
	}
}

func TestFile_Interfaces(t *testing.T) {
	t.Parallel()
	n := ngLE()
	long := make([]byte, 100)
	for i := range long {
		long[i] = 'x'
	}
	file := cat(n.section(), n.named("vif7.0"), n.named("eth0\x1b[31m\n"), n.named(string(long)), n.iface(1, 0, n.option(1, []byte("comment")),
		n.option(2, []byte("ens6")), n.option(0, nil), n.option(2, []byte("second"))))
	names := new(capture.Interfaces)
	if _, err := readBytes(file, names); err != nil {
		t.Fatal(err)
	}
	var got []string
	for id := range uint32(6) {
		got = append(got, names.Name(id))
	}
	// Nothing of a name can steer a terminal or fill a log.
	want := []string{"", "vif7.0", "eth0[31m", string(long[:64]), "ens6", ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Interfaces mismatch (-want +got):\n%s", diff)
	}
}
