package pcapng_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// TestScanner_cut cuts a file at every byte: the blocks before the cut are read, and
// Offset is where they end.
func TestScanner_cut(t *testing.T) {
	t.Parallel()
	whole := file()
	ends := map[int]bool{}
	s := pcapng.NewScanner(bytes.NewReader(whole), 0)
	for b := new(pcapng.Block); s.Next(b) == nil; {
		ends[int(b.Offset)+b.Length] = true
	}
	last := 0
	for n := 1; n < 2000; n++ {
		s := pcapng.NewScanner(bytes.NewReader(whole[:n]), 0)
		b := new(pcapng.Block)
		var err error
		for err = s.Next(b); err == nil; err = s.Next(b) {
		}
		if ends[n] {
			last = n
		}
		if want := map[bool]error{true: io.EOF, false: pcapng.ErrDamaged}[ends[n]]; !errors.Is(err, want) || s.Offset() != int64(last) {
			t.Fatalf("cut at %d: %v at %d; want %v at %d", n, err, s.Offset(), want, last)
		}
	}
}

func TestScanner_damaged(t *testing.T) {
	t.Parallel()
	head := pcapng.AppendSection(nil, &pcapng.Section{})
	block := func(kind, n, again uint32) []byte {
		b := binary.LittleEndian.AppendUint32(bytes.Clone(head), kind)
		b = binary.LittleEndian.AppendUint32(b, n)
		b = append(b, make([]byte, max(0, min(int(n), 1<<20)-12))...)
		return binary.LittleEndian.AppendUint32(b, again)
	}
	for _, tt := range []struct {
		name, want string
		in         []byte
	}{
		{"classic pcap", "does not begin with a section", []byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00")},
		{"no byte order", "without a byte order", append([]byte("\x0a\x0d\x0d\x0a"), make([]byte, 28)...)},
		{"length 0", "a block of 0 bytes", block(6, 0, 0)},
		{"length 13", "a block of 13 bytes", block(6, 13, 13)},
		{"huge", "a block of 4294967292 bytes", block(6, 1<<32-4, 1<<32-4)},
		{"lengths differ", "two lengths differ", block(6, 16, 20)},
		{"zeros", "a block of 0 bytes", append(bytes.Clone(head), make([]byte, 100)...)},
	} {
		_, err := blocks(bytes.NewReader(tt.in))
		if !errors.Is(err, pcapng.ErrDamaged) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
	}
}

// FuzzScanner holds that no file makes the readers panic, and that what they took for
// whole blocks is the file's beginning.
func FuzzScanner(f *testing.F) {
	f.Add(file()[:1500])
	big := binary.BigEndian.AppendUint32([]byte("\x0a\x0d\x0d\x0a\x00\x00\x00\x1c"), 0x1a2b3c4d)
	f.Add(append(append(big, "\x00\x01\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"...), 0, 0, 0, 0x1c))
	lying := pcapng.AppendPacket(pcapng.AppendSection(nil, &section), &packets[0])
	lying[28+20] = 0xff // the length of the data
	f.Add(lying)
	f.Fuzz(func(t *testing.T, in []byte) {
		s := pcapng.NewScanner(bytes.NewReader(in), 0)
		var b pcapng.Block
		sum := int64(0)
		for s.Next(&b) == nil {
			sum += int64(b.Length)
			var p pcapng.Packet
			if b.Packet(&p) == nil && len(p.Data) > b.Length-32 {
				t.Fatalf("a packet of %d bytes in a block of %d", len(p.Data), b.Length)
			}
			_, _ = b.Interface(new(pcapng.Interface)), b.Section(new(pcapng.Section))
			b.Names()
		}
		if sum != s.Offset() || sum > int64(len(in)) {
			t.Fatalf("blocks of %d bytes end at %d of %d", sum, s.Offset(), len(in))
		}
	})
}
