//go:build linux

package packets_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// checkBalance checks the equations of docs/architecture.md ("Losing nothing") that the
// store has a part in.
func checkBalance(t *testing.T, e beat.Event) {
	t.Helper()
	sum := func(names ...string) (n uint64) {
		for _, name := range names {
			n += e.Number("stats." + name)
		}
		return n
	}
	for _, eq := range []struct {
		what        string
		left, right uint64
	}{
		{"frames", sum("capture.frames"), sum("packets.frames", "packets.not_open", "packets.no_link", "capture.lost_packets")},
		{"packets", sum("packets.frames"), sum("packets.written", "packets.cut_flow", "packets.cut_pressure", "packets.excluded",
			"packets.lost_memory", "packets.lost_disk", "packets.waiting")},
		{"bytes", sum("packets.frames_bytes"), sum("packets.written_bytes", "packets.cut_flow_bytes", "packets.cut_pressure_bytes",
			"packets.excluded_bytes", "packets.lost_memory_bytes", "packets.lost_disk_bytes", "packets.waiting_bytes")},
	} {
		if eq.left != eq.right || eq.left == 0 {
			t.Errorf("%s do not balance: %d in, %d out", eq.what, eq.left, eq.right)
		}
	}
}

// reserved checks that an open segment has space on the disk before it is filled, which
// needs a system call that libbeat's filter does not permit by itself.
func (h *home) reserved(t *testing.T) {
	t.Helper()
	open, err := filepath.Glob(filepath.Join(h.dir, ".open-"+h.work.Vif+"-*"))
	if err != nil || len(open) != 1 {
		t.Fatalf("open segments of work: %v, %v; want one", open, err)
	}
	var st unix.Stat_t
	if err := unix.Stat(open[0], &st); err != nil {
		t.Fatal(err)
	}
	if n := st.Blocks * 512; n < st.Size+512<<10 {
		t.Errorf("%s: %d bytes are reserved for %d", open[0], n, st.Size)
	}
}

// TestKill ends the beat like a crash. `pcap repair`, and the next start, complete what it
// was writing, and the packets are found by the events as before.
func TestKill(t *testing.T) {
	h := newHome(t, stored)
	h.traffic(t)
	h.settle(t)
	h.reserved(t)
	h.beat.Kill()
	h.taken.close(t)
	get := func(when string) {
		t.Helper()
		n := 0
		for _, e := range h.flows(t) {
			if e.Qube.Name != "work" || e.Network.Transport != "tcp" {
				continue
			}
			out := filepath.Join(t.TempDir(), "out.pcapng")
			_, talk, status := h.pcap(t, "get", "--event", h.write(t, &e), "-w", out)
			if want := h.taken.seen(t, &e); status != 0 || !slices.Equal(sorted(want), sorted(frames(t, out))) {
				t.Errorf("%s: status %d; want the %d packets that tshark sees: %s", when, status, len(want), talk)
			}
			n++
		}
		if n != 4 {
			t.Errorf("%s: %d connections; want 4", when, n)
		}
	}
	get("after the crash")
	if out, talk, status := h.pcap(t, "repair"); status != 0 || !strings.Contains(out, "1 segment repaired, 0 damaged") {
		t.Errorf("repair: status %d: %s%s", status, out, talk)
	}
	get("after the repair")
	if out, talk, status := h.pcap(t, "verify"); status != 0 || !strings.Contains(out, "1 segment, chain of 1 line: whole") {
		t.Errorf("verify: status %d: %s%s", status, out, talk)
	}
	h.beat = beat.Start(t, h.Network, h.beat.Home, section+stored)
	if out, talk, status := h.pcap(t, "repair"); status != 1 || !strings.Contains(talk, "the beat is running") {
		t.Errorf("repair of a running beat: status %d: %s%s", status, out, talk)
	}
	get("in another run")
}

// TestFull gives the store a disk of 8 MiB. It stores what it can and removes the oldest;
// flows are metered to the last packet.
func TestFull(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("mounting a small disk: %v: run it as root, or with unshare -Urnm", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	h := newHome(t, strings.NewReplacer("HOME", dir).Replace(`
  packets: {enabled: true, dir: HOME/packets, flush: 200ms, min_free: 1MiB, memory: 4MiB, max_bytes: 100MiB, segment: {bytes: 1MiB, age: 1m}}
`))
	h.dir = filepath.Join(dir, "packets")
	const bytes = 60_000_000
	h.run(t, h.work, "curl -sS --limit-rate 40M -o /dev/null "+testbed.LargeURL+"60000000") // faster, and most of it would be cut
	h.settle(t)
	if out, talk, status := h.pcap(t, "status"); status != 0 || !strings.Contains(out, "running: ") || !strings.Contains(out, "\nwork ") {
		t.Errorf("status: %d: %s%s", status, out, talk)
	}
	events := h.beat.Stop(t)
	last := events.Last()
	checkBalance(t, last)
	if n := last.Number("stats.packets.segments_evicted_space"); n == 0 {
		t.Errorf("no segment was removed for want of space: %v", last)
	}
	if n := last.Number("stats.capture.kernel_drops"); n != 0 {
		t.Errorf("the kernel has dropped %d frames", n)
	}
	if !slices.ContainsFunc(events, func(e beat.Event) bool { return e.Number("destination.bytes") > bytes }) {
		t.Error("the download is not in one flow with all its bytes")
	}
	if out, talk, status := h.pcap(t, "verify"); status != 0 {
		t.Errorf("verify: status %d: %s%s", status, out, talk)
	}
	if list, err := os.ReadDir(h.dir); err != nil || len(list) == 0 {
		t.Errorf("the store has %v, %v", list, err)
	}
	for _, e := range h.flows(t) {
		if e.Destination.Port != 80 {
			continue
		}
		_, talk, status := h.pcap(t, "get", "--event", h.write(t, &e), "-w", filepath.Join(t.TempDir(), "out.pcapng"))
		if status != 3 || !strings.Contains(talk, "are missing") || !strings.Contains(talk, "was removed on") {
			t.Errorf("get of what is partly gone: status %d: %s", status, talk)
		}
	}
}

// TestAnalyzers ends the process of packetbeat's analyzers like a crash, while packets are
// stored: it takes none with it, and the account holds.
func TestAnalyzers(t *testing.T) {
	h := newHome(t, stored+"  protocols: [{type: dns, ports: [53]}, {type: http, ports: [80]}]\n")
	get := "curl -sS -o /dev/null " + testbed.SmallURL
	h.run(t, h.work, get)
	var children []int
	poll.Until(t, "a process of analyzers", func() bool {
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", h.beat.PID()))
		for _, list := range lists {
			text, _ := os.ReadFile(list)
			for _, one := range strings.Fields(string(text)) {
				if pid, err := strconv.Atoi(one); err == nil {
					children = append(children, pid)
				}
			}
		}
		return len(children) > 0
	})
	for _, pid := range children {
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	h.run(t, h.work, get)
	h.settle(t)
	h.taken.close(t)
	n := 0
	for _, e := range h.flows(t) {
		if e.Qube.Name != "work" || e.Destination.Port != 80 {
			continue
		}
		out := filepath.Join(t.TempDir(), "out.pcapng")
		_, talk, status := h.pcap(t, "get", "--event", h.write(t, &e), "-w", out)
		if want := h.taken.seen(t, &e); status != 0 || !slices.Equal(sorted(want), sorted(frames(t, out))) {
			t.Errorf("status %d; want the %d packets that tshark sees: %s", status, len(want), talk)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d connections; want 2", n)
	}
	last := h.beat.Stop(t).Last()
	checkBalance(t, last)
	if n := last.Number("stats.packets.lost_memory") + last.Number("stats.packets.lost_disk"); n != 0 {
		t.Errorf("%d packets are not stored", n)
	}
}

// TestRemoved removes the folder of the store while packets are stored. The beat stores packets again within
// moments, the commands reach it, and what was written and is gone is counted as lost.
func TestRemoved(t *testing.T) {
	h := newHome(t, stored)
	get := "curl -sS -o /dev/null " + testbed.SmallURL
	h.run(t, h.work, get)
	h.settle(t)
	if err := os.RemoveAll(h.dir); err != nil {
		t.Fatal(err)
	}
	poll.Until(t, "the store in a new folder", func() bool {
		_, talk, status := h.pcap(t, "seal")
		return status == 0 && talk == ""
	})
	h.run(t, h.work, get)
	h.settle(t)
	if out, talk, status := h.pcap(t, "status"); status != 0 || !strings.Contains(out, "running: ") || !strings.Contains(out, "lost since the start: ") ||
		strings.Contains(out, "lost since the start: none") {
		t.Errorf("status: %d: %s%s", status, out, talk)
	}
	last := h.beat.Stop(t).Last()
	checkBalance(t, last)
	if n := last.Number("stats.packets.lost_disk"); n == 0 {
		t.Errorf("no packet of a file that was removed is counted as lost: %v", last)
	}
	if out, talk, status := h.pcap(t, "verify"); status != 0 {
		t.Errorf("verify: status %d: %s%s", status, out, talk)
	}
}
