package capture_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

func TestNewReader_pcap(t *testing.T) {
	t.Parallel()
	le := microLE()
	be := classic{binary.BigEndian, 0xa1b2c3d4}
	nanoLE, nanoBE := classic{binary.LittleEndian, 0xa1b23c4d}, classic{binary.BigEndian, 0xa1b23c4d}
	const sec = 1_700_000_000
	cooked := frame(0, 4, "data")
	cooked.Link = packet.LinkSLL2
	tests := []struct {
		name string
		file []byte
		want []capture.Frame
	}{
		{name: "no packets", file: le.header(1)},
		{name: "little-endian", file: cat(le.header(1), le.record(sec, 123456, 60, "first"), le.record(sec+1, 0, 6, "second")),
			want: []capture.Frame{frame(sec*1e9+123456000, 60, "first"), frame((sec+1)*1e9, 6, "second")}},
		{name: "big-endian", file: cat(be.header(1), be.record(sec, 999999, 5, "first")),
			want: []capture.Frame{frame(sec*1e9+999999000, 5, "first")}},
		{name: "nanoseconds little-endian", file: cat(nanoLE.header(1), nanoLE.record(sec, 999999999, 5, "first")),
			want: []capture.Frame{frame(sec*1e9+999999999, 5, "first")}},
		{name: "nanoseconds big-endian", file: cat(nanoBE.header(1), nanoBE.record(sec, 1, 5, "first")),
			want: []capture.Frame{frame(sec*1e9+1, 5, "first")}},
		{name: "after 2038", file: cat(le.header(1), le.record(1<<32-1, 0, 1, "a")),
			want: []capture.Frame{frame((1<<32-1)*1e9, 1, "a")}},
		// Writers with broken clocks exist; the time is still one to calculate with.
		{name: "more than a second of fraction", file: cat(le.header(1), le.record(1, 1<<32-1, 1, "a")),
			want: []capture.Frame{frame(1e9+(1<<32-1)*1000, 1, "a")}},
		{name: "empty frame", file: cat(le.header(1), le.record(0, 0, 60, ""), le.record(0, 0, 1, "a")),
			want: []capture.Frame{frame(0, 60, ""), frame(0, 1, "a")}},
		{name: "wire length less than captured", file: cat(le.header(1), le.record(0, 0, 2, "data")),
			want: []capture.Frame{frame(0, 4, "data")}},
		// Bits 28 to 31 and 26 are about the frame check sequence.
		{name: "link type with check sequence", file: cat(le.header(0x54000000|276), le.record(0, 0, 4, "data")),
			want: []capture.Frame{cooked}},
	}
	for _, tt := range tests {
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
}

func TestNewReader_refused(t *testing.T) {
	t.Parallel()
	le := microLE()
	tests := []struct {
		name   string
		file   []byte
		offset int64
		what   string
	}{
		{name: "empty", file: nil, what: "empty"},
		{name: "three bytes", file: le.header(1)[:3], what: "ends inside its header"},
		{name: "half a header", file: le.header(1)[:23], what: "ends inside its header"},
		{name: "text", file: []byte("No.,Time,Source\n"), what: "not a capture file: it starts with 4e 6f 2e 2c"},
		{name: "gzip", file: []byte{0x1f, 0x8b, 8, 0, 0, 0}, what: "not a capture file: it is compressed with gzip; unpack it"},
		{name: "zstd", file: []byte{0x28, 0xb5, 0x2f, 0xfd}, what: "not a capture file: it is compressed with zstd; unpack it"},
		{name: "xz", file: []byte("\xfd7zXZ\x00"), what: "not a capture file: it is compressed with xz; unpack it"},
		{name: "zeros", file: make([]byte, 100), what: "not a capture file"},
		{name: "802.11", file: le.header(105), offset: 20, what: "link type 105 is not supported"},
		{name: "user link type", file: classic{binary.BigEndian, 0xa1b2c3d4}.header(147), offset: 20, what: "link type 147"},
		{name: "pcapng without byte order", file: ngLE().block(0x0a0d0d0a, make([]byte, 16)), what: "byte order magic"},
		// Readers must not guess at a format that they do not know (section 4.1).
		{name: "pcapng of version 2", file: version(2), what: "version 2"},
		{name: "half a section header", file: ngLE().section()[:11], what: "ends inside its header"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			frames, err := readBytes(tt.file, nil)
			checkFormat(t, err, "test.pcap", tt.offset, tt.what)
			if len(frames) != 0 {
				t.Errorf("%d frames; want none", len(frames))
			}
		})
	}
}

// version is the section header of another major version of pcapng.
func version(major uint16) []byte {
	b := ngLE().section()
	binary.LittleEndian.PutUint16(b[12:], major)
	return b
}

func TestFile_Next_damagedPcap(t *testing.T) {
	t.Parallel()
	le := microLE()
	good := cat(le.header(1), le.record(1, 0, 4, "good")) // 24 + 16 + 4 bytes
	lying := func(captured uint32) []byte {
		return cat(le.AppendUint32(le.AppendUint32(nil, 2), 0), le.AppendUint32(le.AppendUint32(nil, captured), 60))
	}
	tests := []struct {
		name string
		rest []byte
		what string
	}{
		{name: "length beyond the end", rest: cat(lying(100), make([]byte, 99)), what: "ends inside a record: 115 of 116"},
		{name: "length beyond the bound", rest: lying(1<<20 + 1), what: "claims 1048577 bytes"},
		{name: "negative length", rest: lying(1 << 31), what: "claims 2147483648 bytes"},
		{name: "highest length", rest: lying(1<<32 - 1), what: "claims 4294967295 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			frames, err := readBytes(cat(good, tt.rest), nil)
			checkFormat(t, err, "test.pcap", 44, tt.what)
			if diff := cmp.Diff([]capture.Frame{frame(1e9, 4, "good")}, frames); diff != "" {
				t.Errorf("frames before the damage mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFile_Next_large reads frames up to the bound, with small ones between them.
func TestFile_Next_large(t *testing.T) {
	t.Parallel()
	le := microLE()
	file := le.header(1)
	var want []capture.Frame
	for _, n := range []int{1, 262144, 1, 262143, 1 << 20, 5, 1<<20 - 16, 60, 0} {
		data := strings.Repeat(string(rune('a'+n%26)), n)
		file = append(file, le.record(7, 0, uint32(n), data)...)
		want = append(want, frame(7e9, uint32(n), data))
	}
	got, err := readBytes(file, nil)
	if err != nil {
		t.Fatalf("Next: %v; want io.EOF", err)
	}
	for i := range want {
		if i >= len(got) || got[i].Length != want[i].Length || !bytes.Equal(got[i].Data, want[i].Data) {
			t.Errorf("frame %d of %d bytes is not what was written", i, want[i].Length)
		}
	}
}
