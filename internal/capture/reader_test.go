package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

// smallFile is a file in parts: what stands before the first packet, then one
// part for each record or block.
type smallFile struct {
	name  string
	parts [][]byte
	want  map[int]capture.Frame // by part
}

func smallFiles() []smallFile {
	le, n := microLE(), ngBE()
	nano := classic{binary.BigEndian, 0xa1b23c4d}
	return []smallFile{
		{name: "pcap", parts: [][]byte{le.header(1), le.record(1, 0, 60, "first"), le.record(2, 0, 1, ""), le.record(3, 0, 5, "third")},
			want: map[int]capture.Frame{1: frame(1e9, 60, "first"), 2: frame(2e9, 1, ""), 3: frame(3e9, 5, "third")}},
		{name: "pcap nano", parts: [][]byte{nano.header(1), nano.record(1, 1, 4, "only")}, want: map[int]capture.Frame{1: frame(1e9+1, 4, "only")}},
		{name: "pcapng", parts: [][]byte{n.section(), n.iface(1, 0), n.enhanced(0, 1e6, 60, "first", n.option(2, make([]byte, 4))),
			n.block(5, make([]byte, 16)), n.simple(6, "second"), n.section(), n.iface(1, 0), n.obsolete(0, 0, 3e6, 5, "third")},
			want: map[int]capture.Frame{2: frame(1e9, 60, "first"), 4: frame(1e9, 6, "second"), 7: frame(3e9, 5, "third")}},
	}
}

// TestFile_Next_truncated cuts files at every byte: the packets that are there
// are delivered, and a cut inside a record is an error that says where.
func TestFile_Next_truncated(t *testing.T) {
	t.Parallel()
	for _, tt := range smallFiles() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := cat(tt.parts...)
			for n := range len(file) + 1 {
				want, start := tt.before(n)
				got, err := readBytes(file[:n], nil)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("cut at %d: frames mismatch (-want +got):\n%s", n, diff)
				}
				if n == int(start) && n > 0 {
					if err != nil {
						t.Errorf("cut at %d: %v; want io.EOF between two records", n, err)
					}
					continue
				}
				checkFormat(t, err, "test.pcap", start, "ends inside")
			}
		})
	}
}

// before returns the frames that end before n, and where the part starts that n
// lies in.
func (f smallFile) before(n int) (frames []capture.Frame, start int64) {
	for i, part := range f.parts {
		if int(start)+len(part) > n {
			break
		}
		start += int64(len(part))
		if want, ok := f.want[i]; ok {
			frames = append(frames, want)
		}
	}
	return frames, start
}

// TestNewReader_readers feeds files in pieces of all sizes.
func TestNewReader_readers(t *testing.T) {
	t.Parallel()
	readers := map[string]func(io.Reader) io.Reader{
		"one byte": iotest.OneByteReader, "half": iotest.HalfReader, "data with error": iotest.DataErrReader,
	}
	for _, tt := range smallFiles() {
		file := cat(tt.parts...)
		want, _ := tt.before(len(file))
		for name, wrap := range readers {
			f, err := capture.NewReader(tt.name, wrap(bytes.NewReader(file)), nil)
			if err != nil {
				t.Errorf("%s by %s: %v", tt.name, name, err)
				continue
			}
			got, err := readAll(f)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s by %s: %v; mismatch (-want +got):\n%s", tt.name, name, err, diff)
			}
			if got := f.Stats(); got.Bytes != int64(len(file)) {
				t.Errorf("%s by %s: Stats.Bytes = %d; want %d", tt.name, name, got.Bytes, len(file))
			}
		}
	}
}

func TestNewReader_ioError(t *testing.T) {
	t.Parallel()
	boom := errors.New("disk on fire")
	le := microLE()
	file := cat(le.header(1), le.record(1, 0, 5, "first"))
	for _, n := range []int{0, 3, 23, 24, 30, 44, 45} {
		r := io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(boom))
		f, err := capture.NewReader("test.pcap", r, nil)
		var frames []capture.Frame
		if err == nil {
			frames, err = readAll(f)
		}
		if !errors.Is(err, boom) || !strings.Contains(err.Error(), "reading test.pcap at offset") {
			t.Errorf("after %d bytes: %v; want %v with file and offset", n, err, boom)
		}
		if want := n / 45; len(frames) != want {
			t.Errorf("after %d bytes: %d frames; want %d", n, len(frames), want)
		}
	}
}

func TestFile_Next_allocs(t *testing.T) {
	le, n := microLE(), ngLE()
	classicFile := cat(le.header(1), bytes.Repeat(le.record(1, 0, 1000, strings.Repeat("a", 1000)), 2000))
	ngFile := cat(n.section(), n.named("eth0"), bytes.Repeat(n.enhanced(0, 0, 1000, strings.Repeat("a", 1000), n.option(2, make([]byte, 4))), 2000))
	for name, file := range map[string][]byte{"pcap": classicFile, "pcapng": ngFile} {
		f, err := capture.NewReader(name, bytes.NewReader(file), nil)
		if err != nil {
			t.Fatal(err)
		}
		var got capture.Frame
		allocs := testing.AllocsPerRun(1500, func() {
			if err := f.Next(&got); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 || len(got.Data) != 1000 {
			t.Errorf("%s: Next of %d bytes allocates %v times; want 0", name, len(got.Data), allocs)
		}
	}
}

func TestOpenFile(t *testing.T) {
	t.Parallel()
	le := microLE()
	file := cat(le.header(1), le.record(1, 0, 5, "first"))
	path := filepath.Join(t.TempDir(), "a capture.pcap")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := capture.OpenFile(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	frames, err := readAll(f)
	if len(frames) != 1 || err != nil {
		t.Errorf("%d frames, %v; want 1", len(frames), err)
	}
	want := capture.Stats{Bytes: int64(len(file)), Size: int64(len(file))}
	if diff := cmp.Diff(want, f.Stats()); diff != "" {
		t.Errorf("Stats mismatch (-want +got):\n%s", diff)
	}
	if f.Interfaces() == nil {
		t.Error("Interfaces = nil; want a new one")
	}
	if err := f.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestOpenFile_faults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pcap")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing.pcap")
	if _, err := capture.OpenFile(missing, nil); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("OpenFile of a missing file: %v; want the path and %v", err, os.ErrNotExist)
	}
	if _, err := capture.OpenFile(dir, nil); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("OpenFile of a directory: %v; want an error with the path", err)
	}
	_, err := capture.OpenFile(empty, nil)
	checkFormat(t, err, empty, 0, "empty")
}
