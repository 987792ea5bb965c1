package capture_test

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestFile_tshark compares time, interface and direction of every packet of the
// pcapng files with what tshark reads.
func TestFile_tshark(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs tshark for each file; run without -short")
	}
	paths := sharedCaptures(t)
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed: apt-get install tshark")
	}
	files, packets := 0, 0
	for _, path := range paths {
		if filepath.Ext(path) != ".pcapng" {
			continue
		}
		names := new(capture.Interfaces)
		f, err := capture.OpenFile(path, names)
		if err != nil {
			continue
		}
		frames, err := readAll(f)
		if closeErr := f.Close(); closeErr != nil {
			t.Error(closeErr)
		}
		want := tsharkPackets(path)
		got := ourPackets(frames, names)
		for i := range min(len(want), len(got)) {
			got[i].level(&want[i])
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(seen{})); diff != "" {
			t.Errorf("%s: %v; mismatch (-tshark +got):\n%.2000s", path, err, diff)
		}
		files++
		packets += len(got)
	}
	t.Logf("%d pcapng files with %d packets compared", files, packets)
}

// seen is what both readers report about a packet.
type seen struct{ Time, Iface, Direction, section string }

// level takes away what only one of the two knows. tshark gives no time to
// simple packets and, in version 4.0, the interfaces of the first section to
// all others.
func (s *seen) level(theirs *seen) {
	if theirs.Time == "" {
		s.Time = ""
	}
	if theirs.section != "1" {
		s.Iface, theirs.Iface = "", ""
	}
	theirs.section = ""
}

func tsharkPackets(path string) (packets []seen) {
	out, _ := exec.Command("tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.interface_name",
		"-e", "frame.packet_flags_direction", "-e", "frame.section_number").Output()
	for line := range strings.Lines(string(out)) {
		field := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if field[0]+field[1] == "" { // a custom block, which tshark lists like a packet
			continue
		}
		iface := strings.TrimPrefix(field[1], "unknown")
		packets = append(packets, seen{Time: field[0], Iface: iface, Direction: directions[field[2]], section: field[3]})
	}
	return packets
}

var directions = map[string]string{"0x00000001": "in", "0x00000002": "out"}

func ourPackets(frames []capture.Frame, names *capture.Interfaces) (packets []seen) {
	for _, f := range frames {
		nano := strconv.FormatInt(1e9+f.Time%1e9, 10)[1:]
		direction := map[packet.Direction]string{packet.Inbound: "in", packet.Outbound: "out"}[f.Direction]
		packets = append(packets, seen{Time: strconv.FormatInt(f.Time/1e9, 10) + "." + nano, Iface: names.Name(f.Iface), Direction: direction})
	}
	return packets
}
