package pcapfilter_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pcapfilter"
)

// lenient holds the expressions that tcpdump refuses and Compile does not, with
// the reason.
var lenient = map[string]string{
	"net 10/8":                 "libpcap wants two parts before the slash",
	"port ((80 or 443) or 53)": "libpcap's grammar has no list at the start of a list",
}

// TestCompile_tcpdump compares which frames are accepted with tcpdump.
func TestCompile_tcpdump(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("tcpdump is not installed; run: apt-get install tcpdump")
	}
	all := frames(t)
	exprs := lines(t, "corpus.txt")
	dir := t.TempDir()
	var compared atomic.Int64
	t.Cleanup(func() { t.Logf("%d expressions, %d results compared", len(exprs), compared.Load()) })
	for link, fs := range all {
		if !link.Supported() {
			t.Logf("link type %d is not supported: %d frames", link, len(fs))
			continue
		}
		t.Run(fmt.Sprint(link), func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(dir, fmt.Sprint(link)+".pcap")
			if err := os.WriteFile(file, merged(link, fs), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, expr := range exprs {
				compareWithTcpdump(t, expr, link, file, fs)
				compared.Add(int64(len(fs)))
			}
		})
	}
}

// compareWithTcpdump checks that a filter accepts the frames that tcpdump accepts,
// or is refused if tcpdump refuses it.
func compareWithTcpdump(t *testing.T, expr string, link packet.Link, file string, fs [][]byte) {
	t.Helper()
	prog, err := pcapfilter.Compile(expr, link, 0)
	want, refusal := tcpdump(t, file, expr)
	if err != nil {
		// Compile and libpcap need not find the same expressions that accept nothing.
		empty := strings.Contains(err.Error(), "rejects every frame") && len(want) == 0
		if refusal == "" && !empty {
			t.Errorf("%s: Compile = %v; tcpdump compiles it", expr, err)
		}
		return
	}
	if refusal != "" && !strings.Contains(refusal, "rejects all packets") {
		if lenient[expr] == "" {
			t.Errorf("%s: Compile = nil; tcpdump says %q", expr, refusal)
		}
		return
	}
	got := accepted(t, expr, machine(t, prog), fs)
	if slices.Equal(got, want) {
		return
	}
	// libpcap's optimiser removes loads that would end the program in a frame
	// too short for them.
	if plain, _ := tcpdump(t, file, expr, "-O"); slices.Equal(got, plain) {
		t.Logf("%s: equal to tcpdump -O only", expr)
		return
	}
	first := firstDifference(got, want, len(fs))
	t.Errorf("%s: %d frames are accepted; tcpdump accepts %d; first difference at frame %d (%d bytes): % x",
		expr, len(got), len(want), first, len(fs[first]), fs[first][:min(len(fs[first]), 64)])
}

// accepted returns the indexes of the frames that a program accepts.
func accepted(t *testing.T, expr string, vm *bpf.VM, fs [][]byte) (indexes []uint32) {
	t.Helper()
	for i, f := range fs {
		n, err := vm.Run(f)
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		if n > 0 {
			indexes = append(indexes, uint32(i))
		}
	}
	return indexes
}

// firstDifference returns the first of n frames that is in only one of two
// ascending lists.
func firstDifference(a, b []uint32, n int) uint32 {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	first := uint32(n - 1)
	for _, x := range [][]uint32{a, b} {
		if i < len(x) {
			first = min(first, x[i])
		}
	}
	return first
}

// tcpdump returns the indexes of the frames that it accepts, or why it refuses
// the expression.
func tcpdump(t *testing.T, file, expr string, options ...string) (indexes []uint32, refusal string) {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd := exec.Command("tcpdump", append(options, "-r", file, "-w", "-", "--", expr)...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return nil, strings.TrimSpace(stderr.String())
	}
	b := out.Bytes()[24:]
	for len(b) >= 16 {
		indexes = append(indexes, binary.LittleEndian.Uint32(b))
		b = b[16+binary.LittleEndian.Uint32(b[8:]):]
	}
	return indexes, ""
}

// merged is a capture file of the frames, whose seconds are their indexes.
func merged(link packet.Link, fs [][]byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4)
	b = le.AppendUint16(le.AppendUint16(b, 2), 4)
	b = le.AppendUint32(le.AppendUint64(b, 0), 262144)
	b = le.AppendUint32(b, uint32(link))
	for i, f := range fs {
		b = le.AppendUint64(b, uint64(i))
		b = le.AppendUint32(b, uint32(len(f)))
		b = append(le.AppendUint32(b, uint32(len(f))), f...)
	}
	return b
}
