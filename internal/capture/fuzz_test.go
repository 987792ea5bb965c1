package capture_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

func FuzzPcap(f *testing.F) {
	for _, tt := range smallFiles() {
		f.Add(cat(tt.parts...))
	}
	le := microLE()
	f.Add(cat(le.header(113), le.record(1<<32-1, 1<<32-1, 1<<32-1, "last")))
	f.Fuzz(func(t *testing.T, file []byte) { checkFile(t, file) })
}

func FuzzPcapng(f *testing.F) {
	for _, n := range []ng{ngLE(), ngBE()} {
		for _, tt := range ngTests(n) {
			if len(tt.file) < 10000 {
				f.Add(tt.file)
			}
		}
		f.Add(timed(n, []byte{0x8a}, -1, 1<<64-1))
		f.Add(timed(n, []byte{12}, 1<<62, 1<<63))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) >= 4 {
			copy(file, "\n\r\r\n") // stay in the format
		}
		checkFile(t, file)
	})
}

// checkFrame checks what holds for every frame of a file.
func checkFrame(t *testing.T, f *capture.Frame, names *capture.Interfaces) {
	t.Helper()
	if f.Time < 0 || f.Time > 1<<62 || uint64(len(f.Data)) > uint64(f.Length) {
		t.Fatalf("Time = %d, %d bytes of %d", f.Time, len(f.Data), f.Length)
	}
	if name := names.Name(f.Iface); f.Iface != 0 && name == "" || len(name) > 64 {
		t.Fatalf("Iface = %d with the name %q", f.Iface, name)
	}
}

// checkFile reads a file of any content and checks what holds for every file.
func checkFile(t *testing.T, file []byte) {
	t.Helper()
	names := new(capture.Interfaces)
	r, err := capture.NewReader("fuzz", bytes.NewReader(file), names)
	if err != nil {
		checkEnd(t, err, int64(len(file)))
		return
	}
	var p packet.Packet
	total := 0
	for {
		var f capture.Frame
		if err := r.Next(&f); err != nil {
			checkEnd(t, err, int64(len(file)))
			break
		}
		checkFrame(t, &f, names)
		if total += len(f.Data) + 16; total > len(file) {
			t.Fatalf("%d bytes of frames and headers in a file of %d", total, len(file))
		}
		if f.Decode(&p) == packet.OK && (p.Time != f.Time || p.Length != f.Length || p.Iface != f.Iface) {
			t.Fatal("Decode lost what the frame says")
		}
	}
	if got := r.Stats().Bytes; got > int64(len(file)) {
		t.Fatalf("Stats.Bytes = %d; want at most %d", got, len(file))
	}
}

// checkEnd checks the error that ends a file.
func checkEnd(t *testing.T, err error, size int64) {
	t.Helper()
	var format *capture.FormatError
	switch {
	case errors.Is(err, io.EOF):
	case !errors.As(err, &format):
		t.Fatalf("error %v; want a FormatError or io.EOF", err)
	case format.Offset < 0 || format.Offset > size || format.File != "fuzz" || format.What == "" || format.Hint == "":
		t.Fatalf("error %v of a file of %d bytes", err, size)
	}
}

// FuzzNewMatcher takes any device: what is accepted can be matched.
func FuzzNewMatcher(f *testing.F) {
	for _, device := range []string{"eth0", "vif*", "[a-z]?", "any", "default_route_ipv6", "[", `\`, ""} {
		f.Add(device, "eth0")
	}
	f.Fuzz(func(t *testing.T, device, name string) {
		m, err := capture.NewMatcher([]string{device})
		if err != nil {
			return
		}
		if m.HasPattern() {
			return // a default route would ask the kernel
		}
		all := links(name)
		if selected, missing := len(m.Select(all)) > 0, m.Missing(all) != nil; selected == missing {
			t.Errorf("device %q, interface %q: selected %v, missing %v", device, name, selected, missing)
		}
		if diff := cmp.Diff(name == device, len(m.Select(all)) > 0); diff != "" {
			t.Errorf("device %q, interface %q (-want +got):\n%s", device, name, diff)
		}
	})
}
