//go:build linux

package packets_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// home is a network whose sys-log stores packets of work and not of untrusted.
type home struct {
	*testbed.Network
	beat            *beat.Beat
	work, untrusted *testbed.Qube
	dir             string // of the store
	taken           *taken // on the vif of work
}

const section = `
  interfaces.device: ["vif*"]
  flows: {period: -1s, timeout: 2s}
  stats: {period: 1s}
  inventory: {file: HOME/inventory}
`

// stored are settings of the store for tests.
const stored = `
  packets: {enabled: true, exclude: [{qubes: [untrusted]}], flush: 200ms, min_free: 1MiB}
`

// newHome returns a network whose beat has the settings of more, too.
func newHome(t *testing.T, more string) *home {
	t.Helper()
	testbed.Require(t, "curl", "dig", "ping", "tshark")
	nw := testbed.New(t, testbed.Config{})
	nw.StartServers()
	h := &home{Network: nw,
		work: nw.AddClient(testbed.Client{Name: "work", Label: "blue", DomID: 4, IP: netip.MustParseAddr("10.137.0.6"),
			IP6: netip.MustParseAddr("fd09:24ef:4179::a89:6")}),
		untrusted: nw.AddClient(testbed.Client{Name: "untrusted", Label: "red", DomID: 7, IP: netip.MustParseAddr("10.137.0.9")})}
	nw.Settle()
	folder := beat.NewHome(t)
	h.dir = filepath.Join(folder, "data", "packets")
	nw.WriteInventory(filepath.Join(folder, "inventory"))
	h.taken = take(t, nw.Log.Host, h.work.Vif)
	h.beat = beat.Start(t, nw, folder, section+more)
	return h
}

// run runs a program in a qube.
func (h *home) run(t *testing.T, q *testbed.Qube, line string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := strings.Fields(line)
	if _, stderr, err := q.Run(ctx, args[0], args[1:]...); err != nil {
		t.Errorf("%s: %s: %v %s", q, line, err, stderr)
	}
}

// pcap runs `qubesbeat pcap`, and returns what it says and its exit status.
func (h *home) pcap(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, beat.Program(t), append([]string{"pcap", "--dir", h.dir}, args...)...)
	cmd.Dir = h.beat.Home
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return out.String(), talk.String(), status
}

// sealed returns the files of work that are complete.
func (h *home) sealed(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(h.dir, "work", "*.pcapng"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// settle waits until all flows have ended.
func (h *home) settle(t *testing.T) {
	t.Helper()
	h.Settle()
	poll.Settle(t, "flows end no more", 3*time.Second, func() int { return len(h.flows(t)) })
}

// event is an event as the output has it.
type event struct {
	raw  []byte
	Flow struct {
		ID      string
		Packets *struct {
			Written, Cut, Lost uint64
			Segment            any
		}
	}
	Network struct {
		Transport string
		Packets   int
	}
	Source, Destination struct {
		IP   string
		Port int
	}
	Qube struct{ Name, Vif string }
	Type string
}

// flows returns the events of flows that have been written.
func (h *home) flows(t *testing.T) (all []event) {
	t.Helper()
	for _, line := range h.lines(t) {
		e := event{raw: line}
		if err := json.Unmarshal(line, &e); err == nil && e.Type == "flow" {
			all = append(all, e)
		}
	}
	return all
}

// lines returns all events that have been written.
func (h *home) lines(t *testing.T) (all [][]byte) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(h.beat.Home, "out", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			all = append(all, line)
		}
	}
	return all
}

// write writes an event into a file of its own.
func (h *home) write(t *testing.T, e *event) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(path, e.raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// taken are the frames on an interface, in a file that tshark reads.
type taken struct {
	path string
	tap  *testbed.Tap

	mu  sync.Mutex
	out *bufio.Writer
	ip  int // frames
}

// take begins to take frames.
func take(t *testing.T, host *testbed.Host, ifname string) *taken {
	t.Helper()
	k := &taken{path: filepath.Join(t.TempDir(), "taken.pcap")}
	f, err := os.Create(k.path)
	if err != nil {
		t.Fatal(err)
	}
	k.out = bufio.NewWriter(f)
	head := []uint32{0xa1b23c4d, 2 | 4<<16, 0, 0, 262144, 1} // nanoseconds, Ethernet
	_ = binary.Write(k.out, binary.LittleEndian, head)
	if k.tap, err = host.Tap(ifname, k.add); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return k
}

func (k *taken) add(f testbed.Frame) {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := uint32(len(f.Data))
	_ = binary.Write(k.out, binary.LittleEndian, []uint32{uint32(f.Time.Unix()), uint32(f.Time.Nanosecond()), n, n})
	_, _ = k.out.Write(f.Data)
	if f.IsIP() {
		k.ip++
	}
}

// close ends it.
func (k *taken) close(t *testing.T) {
	t.Helper()
	if err := errors.Join(k.tap.Close(), k.out.Flush()); err != nil {
		t.Fatal(err)
	}
}
