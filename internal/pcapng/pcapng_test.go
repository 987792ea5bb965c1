package pcapng_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestRoundTrip holds that what is written is read again, in either byte order of the
// lengths, and is 0 bytes of garbage.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	var got []pcapng.Packet
	var gotNames []pcapng.Name
	counted := false
	s := pcapng.NewScanner(bytes.NewReader(file()), 0)
	for {
		var b pcapng.Block
		if err := s.Next(&b); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch b.Type {
		case pcapng.TypeSection:
			var head pcapng.Section
			check(t, b.Section(&head))
			if diff := cmp.Diff(section, head); diff != "" {
				t.Errorf("section mismatch (-want +got):\n%s", diff)
			}
		case pcapng.TypeInterface:
			var i pcapng.Interface
			check(t, b.Interface(&i))
			if diff := cmp.Diff(vif, i); diff != "" {
				t.Errorf("interface mismatch (-want +got):\n%s", diff)
			}
		case pcapng.TypePacket:
			var p pcapng.Packet
			check(t, b.Packet(&p))
			p.Data = bytes.Clone(p.Data)
			got = append(got, p)
			if want := pcapng.PacketBytes(len(p.Data), p.Flags, p.Dropped); p.Comment == "" && b.Length != want {
				t.Errorf("a packet's block has %d bytes; PacketBytes = %d", b.Length, want)
			}
		case pcapng.TypeStats:
			var got pcapng.Stats
			check(t, b.Stats(&got))
			if diff := cmp.Diff(stats, got); diff != "" && got.Counted {
				t.Errorf("statistics mismatch (-want +got):\n%s", diff)
			}
			counted = counted || got.Counted
		case pcapng.TypeNames:
			gotNames = b.Names()
		}
	}
	if diff := cmp.Diff(packets, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("packets mismatch (-want +got):\n%s", diff)
	}
	if !counted {
		t.Error("no statistics are read")
	}
	want := []pcapng.Name{names[0], names[1], {Addr: names[3].Addr, Name: "dns"}}
	if diff := cmp.Diff(want, gotNames, cmp.Comparer(func(a, b pcapng.Name) bool { return a == b })); diff != "" {
		t.Errorf("names mismatch (-want +got):\n%s", diff)
	}
}

// TestAppend_golden holds the bytes of every kind of block.
func TestAppend_golden(t *testing.T) {
	t.Parallel()
	b := pcapng.AppendSection(nil, &section)
	b = pcapng.AppendInterface(b, &vif)
	b = pcapng.AppendNames(b, names, "")
	b = pcapng.AppendPacket(b, &packets[1])
	b = pcapng.AppendFill(b, 0, at, 40)
	got := pcapng.AppendStats(b, &stats)
	const name = "testdata/blocks.golden.pcapng"
	if *update {
		check(t, os.WriteFile(name, got, 0o644))
	}
	want, err := os.ReadFile(name)
	check(t, err)
	if diff := cmp.Diff(hex.Dump(want), hex.Dump(got)); diff != "" {
		t.Errorf("%s mismatch (-want +got):\n%s", name, diff)
	}
}

// TestAppend_allocs holds that nothing is allocated if the slice has room.
func TestAppend_allocs(t *testing.T) {
	buf := make([]byte, 0, 1<<20)
	n := testing.AllocsPerRun(100, func() {
		b := pcapng.AppendSection(buf, &section)
		b = pcapng.AppendInterface(b, &vif)
		b = pcapng.AppendNames(b, names, "x")
		b = pcapng.AppendPacket(b, &packets[1])
		b = pcapng.AppendFill(b, 0, at, 40)
		pcapng.AppendStats(b, &stats)
	})
	if n != 0 {
		t.Errorf("%v allocations; want none", n)
	}
}
