package pcapng_test

import (
	"bytes"
	"io"
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// at is the time of the first packet.
const at = 1_700_000_000_123_456_789

// frame is a UDP datagram of 4 bytes from 10.137.0.7 to 10.139.1.1.
var frame = []byte("\x00\x16\x3e\x5e\x6c\x00\xfe\xff\xff\xff\xff\xff\x08\x00" + // Ethernet
	"\x45\x00\x00\x20\x00\x01\x40\x00\x40\x11\x25\x9c\x0a\x89\x00\x07\x0a\x8b\x01\x01" + // IPv4
	"\xc0\x00\x00\x35\x00\x0c\x00\x00" + "data") // UDP

var section = pcapng.Section{Program: "qubesbeat 1.0", Comment: `{"store":"3f9a1c04"}`}

var vif = pcapng.Interface{LinkType: 1, Name: "vif7.0", Description: "work (blue, AppVM)", Filter: "not port 22", Comment: `{"uuid":"1"}`}

var names = []pcapng.Name{
	{Addr: netip.MustParseAddr("10.137.0.7"), Name: "work"},
	{Addr: netip.MustParseAddr("2001:db8::7"), Name: "work-six"},
	{Addr: netip.Addr{}, Name: "nowhere"},
	{Addr: netip.MustParseAddr("10.139.1.1"), Name: "dns\x00cut"},
}

var packets = []pcapng.Packet{
	{At: at, Data: frame, Length: uint32(len(frame)), Flags: 1},
	{At: at + 1, Data: frame[:43], Length: 1514, Flags: 0x202, Dropped: 1 << 33},
	{At: at - 5, Data: frame, Length: uint32(len(frame)), Comment: "of the past"},
	{At: at + 2, Length: 60},
	{At: at + 3, Data: bytes.Repeat(frame, 65549/len(frame)+1)[:65549], Length: 65549},
}

var stats = pcapng.Stats{At: at + 4, Start: at, End: at + 4, Counted: true, Received: 5, Dropped: 1 << 33}

// file returns a file with every kind of block.
func file() []byte {
	b := pcapng.AppendSection(nil, &section)
	b = pcapng.AppendInterface(b, &vif)
	b = pcapng.AppendNames(b, names, "      ")
	for i := range packets {
		b = pcapng.AppendPacket(b, &packets[i])
		b = pcapng.AppendFill(b, 0, at, pcapng.MinFill+4*i)
	}
	return pcapng.AppendStats(b, &stats)
}

// blocks returns the types of all blocks, and the error behind the last.
func blocks(in io.Reader) (kinds []uint32, err error) {
	s := pcapng.NewScanner(in, 0)
	var b pcapng.Block
	for {
		if err := s.Next(&b); err != nil {
			return kinds, err
		}
		kinds = append(kinds, b.Type)
	}
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
