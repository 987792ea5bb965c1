package packet_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/gopacket"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// captureDirs returns the directories with captures that others made; it skips
// the test if there are none.
func captureDirs(t *testing.T) (dirs []string) {
	t.Helper()
	shared := os.Getenv("QUBESBEAT_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	if _, err := os.Stat(filepath.Join(shared, "captures")); err == nil {
		dirs = append(dirs, filepath.Join(shared, "captures"))
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/elastic/beats/v7").Output()
	if dir := strings.TrimSpace(string(out)); err == nil && dir != "" {
		dirs = append(dirs, filepath.Join(dir, "packetbeat", "tests"))
	}
	if len(dirs) == 0 {
		t.Skip("no captures: set QUBESBEAT_SHARED to the directory that holds captures/, or run go mod download")
	}
	return dirs
}

// oracle is the comparison of Decode with gopacket over many captures.
type oracle struct {
	files, unreadable, frames, compared int
	skipped                             map[string]int
	different                           map[string]int
}

// TestPacket_Decode_oracle decodes captures with gopacket, too. Both must see
// the same wherever gopacket reads the frame to its transport header.
func TestPacket_Decode_oracle(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("reads 60 MB of captures; run without -short")
	}
	o := oracle{skipped: map[string]int{}, different: map[string]int{}}
	for _, dir := range captureDirs(t) {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() && e.Name() == "expected" {
				return fs.SkipDir
			}
			if err == nil && e.Type().IsRegular() {
				o.file(t, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d captures (%d files are none that can be read), %d frames: %d compared", o.files, o.unreadable, o.frames, o.compared)
	for why, n := range o.skipped {
		t.Logf("skipped %d: %s", n, why)
	}
	for why, n := range o.different {
		t.Errorf("%d frames differ: %s", n, why)
	}
	if o.compared == 0 {
		t.Error("nothing was compared")
	}
}

// judged are the captures whose differences were looked into, with the finding.
var judged = map[string]string{
	"tcpdump/mpls-label-heapoverflow.pcap": "cut inside a label stack, which gopacket takes for the bottom",
	"libpcap/ipv6_ext_headers.pcap":        "69 extension headers; Decode stops after 8 and gopacket at the first fragment header",
}

// file compares the frames of a file up to its end, or to where it is damaged.
func (o *oracle) file(t *testing.T, path string) {
	t.Helper()
	file, err := capture.OpenFile(path, nil)
	if err != nil {
		o.unreadable++
		return
	}
	defer file.Close()
	o.files++
	var f capture.Frame
	for n := 1; ; n++ {
		if err := file.Next(&f); err != nil {
			var format *capture.FormatError
			if !errors.Is(err, io.EOF) && !errors.As(err, &format) {
				t.Errorf("%s: %v", path, err)
			}
			return
		}
		o.frames++
		o.frame(t, path, n, &f)
	}
}

func (o *oracle) frame(t *testing.T, path string, n int, f *capture.Frame) {
	t.Helper()
	where := fmt.Sprintf("%s frame %d", path, n)
	var p packet.Packet
	status := p.Decode(f.Link, f.Data)
	want, why := witness(f.Link, f.Data)
	if why == "" {
		why = judged[filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path)]
	}
	if why == "" && want.path == "Ethernet/DecodeFailure" && status != packet.NonIP {
		why = "an EtherType that gopacket does not know"
	}
	if why == "" && status == packet.OK {
		why = want.beyond(&p)
	}
	if why != "" {
		o.skipped[why]++
		return
	}
	o.compared++
	if status != want.status {
		o.differ(t, where, fmt.Sprintf("status %v; gopacket says %v (%s)", status, want.status, want.path))
		return
	}
	if status != packet.OK {
		return
	}
	got := seenOf(&p)
	want.level(&got)
	if diff := cmp.Diff(want.seen, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		o.differ(t, where, fmt.Sprintf("%s (-gopacket +decode):\n%s", want.path, diff))
	}
}

// differ notes a difference, in full the first few times.
func (o *oracle) differ(t *testing.T, where, what string) {
	t.Helper()
	kind, _, _ := strings.Cut(what, "\n")
	if o.different[kind]++; o.different[kind] <= 3 {
		t.Logf("%s: %s", where, what)
	}
}

// layerNames is the path through a packet, for messages.
func layerNames(layers []gopacket.Layer) string {
	var names []string
	for _, l := range layers {
		names = append(names, l.LayerType().String())
	}
	return strings.Join(names, "/")
}
