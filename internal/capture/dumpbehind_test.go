package capture_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// roomAgain is the environment of the process that TestDump_room starts.
const roomAgain = "QUBESBEAT_TEST_DUMP_ROOM"

// roomReport is what that process has seen.
type roomReport struct {
	Full, Kept, Half, End, Last capture.DumpStats
	Changes                     []string
	Fault                       string
}

// The frames of TestDump_room: 300 are too many for the disk; wholeIn of them fill half
// of the chunks, and cutIn that are cut the other half.
const (
	roomFrame = 1500
	roomLimit = 64 << 10
	chunk     = 262144 + 16
	wholeIn   = 64*(chunk/(roomFrame+16)) + 1 // the last one begins the other half
	cutIn     = (chunk-roomFrame-16)/(256+16) + 63*(chunk/(256+16))
)

// TestDump_room writes to a disk that is full after 64 KiB and has room again later. While
// it is full, frames are kept in memory, whole up to a half and cut from then on, and dropped
// when that is full. With room, all that is in memory is written; no record is torn.
func TestDump_room(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestDump_room_play$")
	cmd.Env = append(os.Environ(), roomAgain+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "report"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "report")); err != nil {
		t.Fatal(err)
	}
	var got roomReport
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	const inFile = (roomLimit - 24) / (roomFrame + 16)
	want := roomReport{
		Full:    capture.DumpStats{Written: inFile},
		Kept:    capture.DumpStats{Written: inFile},
		Half:    capture.DumpStats{Written: inFile, Cut: cutIn},
		End:     capture.DumpStats{Written: inFile, Cut: cutIn, Dropped: 10},
		Last:    capture.DumpStats{Written: wholeIn + cutIn + 1, Cut: cutIn, Dropped: 10},
		Changes: []string{"file too large", "<nil>"},
		Fault:   "file too large; 10 frames are missing",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report mismatch (-want +got):\n%s", diff)
	}
	_, records := readDump(t, dumpFiles(t, dir)[0])
	checkRecords(t, records)
}

// checkRecords compares the file of TestDump_room with what was counted.
func checkRecords(t *testing.T, records []dumped) {
	t.Helper()
	if len(records) != wholeIn+cutIn+1 {
		t.Fatalf("%d records; want %d", len(records), wholeIn+cutIn+1)
	}
	for i, r := range records {
		want := roomFrame
		if i >= wholeIn && i < wholeIn+cutIn {
			want = 256
		}
		number := i
		if i == wholeIn+cutIn {
			number += 10 // were dropped
		}
		if r.At != dumpTime+int64(number) || len(r.Data) != want || r.Length != roomFrame {
			t.Fatalf("record %d has %d bytes of %d at %d; want %d of %d at %d", i, len(r.Data), r.Length, r.At, want, roomFrame, dumpTime+int64(number))
		}
	}
}

// limitFileSize bounds the files of this process, as a disk that is full.
func limitFileSize(t *testing.T, bytes uint64) {
	t.Helper()
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		t.Fatal(err)
	}
	if l.Cur = bytes; bytes == 0 {
		l.Cur = l.Max
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		t.Fatal(err)
	}
}

// reason returns the last part of an error.
func reason(err error) string {
	parts := strings.Split(fmt.Sprint(err), ": ")
	return parts[len(parts)-1]
}

// TestDump_room_play is the process with the small disk.
func TestDump_room_play(t *testing.T) {
	dir := os.Getenv(roomAgain)
	if dir == "" {
		t.Skip("TestDump_room starts this in a process of its own")
	}
	signal.Ignore(syscall.SIGXFSZ)
	limitFileSize(t, roomLimit)
	var got roomReport
	changes := make(chan string, 10)
	d, err := capture.OpenDump(capture.DumpConfig{Prefix: filepath.Join(dir, "trace"), OnFault: func(err error) {
		changes <- reason(err)
	}})
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	add := func(n int) capture.DumpStats {
		for range n {
			d.Frame(&capture.Frame{Data: make([]byte, roomFrame), Time: dumpTime + int64(sent), Length: roomFrame, Link: packet.LinkEthernet})
			sent++
		}
		return d.Stats()
	}
	add(300)
	got.Changes = append(got.Changes, <-changes)
	got.Full = d.Stats()
	got.Kept = add(wholeIn - 300)
	got.Half = add(cutIn)
	got.End = add(10)
	limitFileSize(t, 0)
	got.Changes = append(got.Changes, <-changes)
	poll.Until(t, "all is written", func() bool { return d.Stats().Written == wholeIn+cutIn })
	got.Last = add(1)
	err = d.Close()
	got.Last = d.Stats()
	got.Fault = reason(err)
	data, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "report"), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDump_allocs counts the allocations for a frame. It is not parallel, because
// AllocsPerRun must not be.
func TestDump_allocs(t *testing.T) {
	d, _ := openDump(t)
	f := capture.Frame{Data: make([]byte, 500), Time: dumpTime, Length: 500, Link: packet.LinkEthernet}
	if n := testing.AllocsPerRun(50_000, func() { d.Frame(&f) }); n != 0 {
		t.Errorf("a frame allocates %v times; want 0", n)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestDump_links writes each frame of more link types than are collected at a time to
// the file of its own.
func TestDump_links(t *testing.T) {
	t.Parallel()
	d, dir := openDump(t)
	links := []packet.Link{packet.LinkEthernet, packet.LinkRaw, packet.LinkSLL, packet.LinkSLL2, packet.LinkNull, packet.LinkLoop}
	const rounds = 50
	for i := range rounds * len(links) {
		d.Frame(&capture.Frame{Data: []byte{byte(i)}, Time: dumpTime + int64(i), Length: 1, Link: links[i%len(links)]})
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	files := dumpFiles(t, dir)
	if len(files) != len(links) {
		t.Errorf("%d files; want %d", len(files), len(links))
	}
	for _, path := range files {
		link, records := readDump(t, path)
		for i, r := range records {
			if n := int(r.At - dumpTime); n/len(links) != i || layers.LinkType(links[n%len(links)]) != link {
				t.Fatalf("%s: record %d is frame %d", path, i, n)
			}
		}
		if len(records) != rounds {
			t.Errorf("%s: %d records; want %d", path, len(records), rounds)
		}
	}
}
