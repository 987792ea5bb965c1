package capture_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// dumpTime is a moment with nanoseconds.
const dumpTime = int64(1_700_000_000_123_456_789)

// dumped is one record of a file.
type dumped struct {
	At     int64
	Length int
	Data   string
}

// readDump reads a file with gopacket's reader.
func readDump(tb testing.TB, path string) (link layers.LinkType, all []dumped) {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := pcapgo.NewReader(bytes.NewReader(data))
	if err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	for {
		b, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return r.LinkType(), all
		}
		if err != nil {
			tb.Fatalf("%s, after %d records: %v", path, len(all), err)
		}
		all = append(all, dumped{info.Timestamp.UnixNano(), info.Length, string(b)})
	}
}

// openDump opens a blocking dump in a directory of the test.
func openDump(tb testing.TB) (d *capture.Dump, dir string) {
	tb.Helper()
	dir = tb.TempDir()
	d, err := capture.OpenDump(capture.DumpConfig{Prefix: filepath.Join(dir, "trace"), Blocking: true})
	if err != nil {
		tb.Fatal(err)
	}
	return d, dir
}

// dumpFiles returns the names of the files in dir, and checks that they are named
// as packetbeat names them and are for their owner alone.
func dumpFiles(tb testing.TB, dir string) (paths []string) {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	format := regexp.MustCompile(`^trace-(\d{14})(-\d+)?\.pcap$`)
	for _, e := range entries {
		parts := format.FindStringSubmatch(e.Name())
		if parts == nil {
			tb.Errorf("a file is called %s", e.Name())
			continue
		}
		if at, err := time.ParseInLocation("20060102150405", parts[1], time.Local); err != nil || time.Since(at).Abs() > time.Hour {
			tb.Errorf("%s shows the time %v, %v", e.Name(), at, err)
		}
		if info, err := e.Info(); err != nil || info.Mode() != 0o600 {
			tb.Errorf("%s has mode %v, %v; want 0600", e.Name(), info.Mode(), err)
		}
		paths = append(paths, filepath.Join(dir, e.Name()))
	}
	slices.Sort(paths)
	return paths
}

// TestDump writes frames of several link types, a file for each.
func TestDump(t *testing.T) {
	t.Parallel()
	d, dir := openDump(t)
	frames := []capture.Frame{
		{Data: []byte("ether one"), Time: dumpTime, Length: 9, Link: packet.LinkEthernet},
		{Data: []byte("raw one"), Time: dumpTime + 1, Length: 900, Link: packet.LinkRaw},
		{Data: []byte("tun"), Time: dumpTime + 2, Length: 3, Link: packet.LinkEthernet, EtherType: 0x0800}, // starts with IP
		{Data: []byte("ether two"), Time: dumpTime + 3, Length: 2, Link: packet.LinkEthernet},              // a length that cannot be
		{Data: []byte("cooked"), Time: 0, Length: 6, Link: packet.LinkSLL},
		{Time: dumpTime, Link: packet.LinkEthernet},
	}
	for i := range frames {
		f := frames[i]
		f.Data = slices.Clone(f.Data)
		d.Frame(&f)
		clear(f.Data) // belongs to the source
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if w, n := d.Stats().Written, d.Stats().Dropped; w != 6 || n != 0 {
		t.Errorf("%d written, %d dropped; want 6, 0", w, n)
	}
	got := map[layers.LinkType][]dumped{}
	for _, path := range dumpFiles(t, dir) {
		link, all := readDump(t, path)
		got[link] = all
		if suffix := fmt.Sprintf("-%d.pcap", link); strings.HasSuffix(path, suffix) == (link == layers.LinkTypeEthernet) {
			t.Errorf("%s has link type %d", path, link)
		}
	}
	want := map[layers.LinkType][]dumped{
		layers.LinkTypeEthernet:         {{dumpTime, 9, "ether one"}, {dumpTime + 3, 9, "ether two"}, {dumpTime, 0, ""}},
		layers.LinkType(packet.LinkRaw): {{dumpTime + 1, 900, "raw one"}, {dumpTime + 2, 3, "tun"}},
		layers.LinkType(packet.LinkSLL): {{0, 6, "cooked"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records mismatch (-want +got):\n%s", diff)
	}
}

// TestDump_own is read by this package, too, frame by frame.
func TestDump_own(t *testing.T) {
	t.Parallel()
	d, dir := openDump(t)
	const all = 5000
	for i := range all {
		d.Frame(&capture.Frame{Data: bytes.Repeat([]byte{byte(i)}, i%1500), Time: dumpTime + int64(i), Length: uint32(i), Link: packet.LinkEthernet})
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := capture.OpenFile(dumpFiles(t, dir)[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var f capture.Frame
	for i := range all {
		if err := file.Next(&f); err != nil || f.Time != dumpTime+int64(i) || len(f.Data) != i%1500 || int(f.Length) != max(i, i%1500) {
			t.Fatalf("frame %d = %d bytes of %d at %d, %v", i, len(f.Data), f.Length, f.Time, err)
		}
	}
	if err := file.Next(&f); err == nil {
		t.Error("there are more frames than were written")
	}
}

// TestDump_tcpdump is read by tcpdump with all nine digits of the time.
func TestDump_tcpdump(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("tcpdump is not installed: apt-get install tcpdump")
	}
	d, dir := openDump(t)
	ip := []byte{0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 137, 0, 6, 1, 1, 1, 1, 0x13, 0x88, 0, 53, 0, 8, 0, 0}
	d.Frame(&capture.Frame{Data: ip, Time: dumpTime, Length: 28, Link: packet.LinkRaw})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("tcpdump", "-nn", "-tt", "--nano", "-r", dumpFiles(t, dir)[0]).CombinedOutput()
	if want := "1700000000.123456789 IP 10.137.0.6.5000 > 1.1.1.1.53"; err != nil || !strings.Contains(string(out), want) {
		t.Errorf("tcpdump says %s, %v; want %s", out, err, want)
	}
}

// TestDump_empty leaves a capture without packets, which is one, too.
func TestDump_empty(t *testing.T) {
	t.Parallel()
	d, dir := openDump(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if link, all := readDump(t, dumpFiles(t, dir)[0]); link != layers.LinkTypeEthernet || len(all) != 0 {
		t.Errorf("%d records of link type %v", len(all), link)
	}
}

// TestDump_flush lets another program follow the file.
func TestDump_flush(t *testing.T) {
	t.Parallel()
	d, dir := openDump(t)
	d.Frame(&capture.Frame{Data: []byte("one"), Time: dumpTime, Length: 3, Link: packet.LinkEthernet})
	path := dumpFiles(t, dir)[0]
	poll.Until(t, "the frame is in the file", func() bool {
		info, err := os.Stat(path)
		return err == nil && info.Size() == 24+16+3
	})
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestOpenDump_fault names the file that cannot be made.
func TestOpenDump_fault(t *testing.T) {
	t.Parallel()
	prefix := filepath.Join(t.TempDir(), "missing", "trace")
	if d, err := capture.OpenDump(capture.DumpConfig{Prefix: prefix, Blocking: true}); d != nil || err == nil || !strings.Contains(err.Error(), prefix) {
		t.Errorf("OpenDump = %v, %v; want an error with the name", d, err)
	}
}

// TestDump_fault goes on without the disk, and says at the end what was lost: here
// the file of a second link type, whose directory is gone.
func TestDump_fault(t *testing.T) {
	t.Parallel()
	d, dir := openDump(t)
	d.Frame(&capture.Frame{Data: []byte("one"), Time: dumpTime, Length: 3, Link: packet.LinkEthernet})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		d.Frame(&capture.Frame{Data: []byte("two"), Time: dumpTime, Length: 3, Link: packet.LinkRaw})
	}
	err := d.Close()
	if err == nil || !strings.Contains(err.Error(), "10 frames are missing") {
		t.Errorf("Close = %v; want an error and 10 missing frames", err)
	}
	if w, n := d.Stats().Written, d.Stats().Dropped; w != 1 || n != 10 {
		t.Errorf("%d written, %d dropped; want 1, 10", w, n)
	}
}

// TestDump_behind drops and counts what a slow disk does not take; every frame
// is in one counter.
func TestDump_behind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := capture.OpenDump(capture.DumpConfig{Prefix: filepath.Join(dir, "trace")})
	if err != nil {
		t.Fatal(err)
	}
	const all = 20000
	data := make([]byte, 1500)
	for range all {
		d.Frame(&capture.Frame{Data: data, Time: dumpTime, Length: 1500, Link: packet.LinkEthernet})
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	_, records := readDump(t, dumpFiles(t, dir)[0])
	if w, n := d.Stats().Written, d.Stats().Dropped; w+n != all || int(w) != len(records) {
		t.Errorf("%d written and %d dropped of %d; the file has %d", w, n, all, len(records))
	}
}

// fullDisk is the environment of the process that TestDump_full starts.
const fullDisk = "QUBESBEAT_TEST_DUMP"

// TestDump_full writes to a disk that is full after 64 KiB: the fault is
// reported, and what is not in the file is not counted as written.
func TestDump_full(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command("sh", "-c", `ulimit -f 128; exec "$0" -test.run '^TestDump_full_play$' -test.v`, os.Args[0])
	cmd.Env = append(os.Environ(), fullDisk+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var written, dropped int
	var fault string
	found := regexp.MustCompile(`(?m)written (\d+), dropped (\d+), fault (.*)$`).FindStringSubmatch(string(out))
	if found == nil {
		t.Fatalf("the process says %s", out)
	}
	fmt.Sscan(found[1], &written)
	fmt.Sscan(found[2], &dropped)
	fault = found[3]
	_, records := readDump(t, dumpFiles(t, dir)[0])
	if !strings.Contains(fault, "file too large") || written != len(records) || written+dropped != 500 {
		t.Errorf("%d written, %d dropped, %s; the file has %d of 500", written, dropped, fault, len(records))
	}
}

// TestDump_full_play is the process with the small disk.
func TestDump_full_play(t *testing.T) {
	dir := os.Getenv(fullDisk)
	if dir == "" {
		t.Skip("TestDump_full starts this in a process of its own")
	}
	signal.Ignore(syscall.SIGXFSZ)
	d, err := capture.OpenDump(capture.DumpConfig{Prefix: filepath.Join(dir, "trace"), Blocking: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		d.Frame(&capture.Frame{Data: make([]byte, 1500), Time: dumpTime, Length: 1500, Link: packet.LinkEthernet})
	}
	err = d.Close()
	t.Logf("written %d, dropped %d, fault %v", d.Stats().Written, d.Stats().Dropped, err)
}

// TestDump_first holds that the file without a number in its name is that of the first
// frame, although a chunk of others is complete before.
func TestDump_first(t *testing.T) {
	t.Parallel()
	d, dir := openDump(t)
	d.Frame(&capture.Frame{Data: []byte("frame"), Time: dumpTime, Length: 5, Link: packet.LinkEthernet})
	large := make([]byte, 65_000)
	for d.Stats().Written == 0 {
		d.Frame(&capture.Frame{Data: large, Time: dumpTime, Length: 65_000, Link: packet.LinkRaw})
		runtime.Gosched()
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	files := dumpFiles(t, dir)
	if link, _ := readDump(t, files[len(files)-1]); link != layers.LinkTypeEthernet {
		t.Errorf("%s has link type %d", files[len(files)-1], link)
	}
}
