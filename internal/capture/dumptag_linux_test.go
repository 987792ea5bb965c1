package capture_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// framesWithTags returns frames with tags, which the kernel takes off and shows beside them, and one without.
func framesWithTags() [][]byte {
	return [][]byte{
		udpFrame(1, 60),
		udpFrame(2, 64, 0x81, 0, 0xe0, 7),
		udpFrame(3, 68, 0x88, 0xa8, 0, 100, 0x81, 0, 0, 200),
		udpFrame(4, 64, 0x81, 0, 0, 0), // a priority tag with priority 0
		udpFrame(5, 1500, 0x88, 0xa8, 0x10, 9),
	}
}

// TestDump_tags compares a dump with what tcpdump writes at the same time: the tags are
// where they were on the wire.
func TestDump_tags(t *testing.T) {
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("tcpdump is not installed: apt-get install tcpdump")
	}
	if !testbed.InNamespace(t) {
		return
	}
	w, dir := newWire(t, "vif4.0"), t.TempDir()
	r := openRing(t, capture.RingConfig{Snap: capture.SnapPolicy{HeaderLen: capture.WholeFrame, PlainLen: capture.WholeFrame}}, "vif4.0")
	w.deliver(t, udpFrame(9, 60))
	kept(t, r)
	peer := startTcpdump(t, filepath.Join(dir, "peer"), "-i", "vif4.0", "-c", "5")
	d, err := capture.OpenDump(capture.DumpConfig{Prefix: filepath.Join(dir, "trace")})
	if err != nil {
		t.Fatal(err)
	}
	for _, frame := range framesWithTags() {
		send(t, w.fd, frame)
		d.Frame(next(t, r))
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := peer.Wait(); err != nil {
		t.Fatal(err)
	}
	_, want := readDump(t, filepath.Join(dir, "peer"))
	if err := os.Remove(filepath.Join(dir, "peer")); err != nil {
		t.Fatal(err)
	}
	_, got := readDump(t, dumpFiles(t, dir)[0])
	for i, frame := range framesWithTags() {
		if i >= len(want) || want[i].Data != string(frame) {
			t.Errorf("tcpdump's frame %d is not the one that was sent", i)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records mismatch (-tcpdump +ours):\n%s", diff)
	}
	if s := d.Stats(); s != (capture.DumpStats{Written: 5}) {
		t.Errorf("Stats = %+v; want 5 written", s)
	}
}

// startTcpdump starts tcpdump, writing to a file, and returns when it captures.
func startTcpdump(t *testing.T, file string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("tcpdump", append([]string{"-w", file, "-Z", "root", "--nano"}, args...)...)
	talk, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(talk); lines.Scan(); {
		if strings.Contains(lines.Text(), "listening on") {
			go func() { // the rest
				for lines.Scan() {
				}
			}()
			return cmd
		}
	}
	t.Fatal("tcpdump does not capture")
	return nil
}
