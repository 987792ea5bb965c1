//go:build linux

package packets_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// frames returns the frames of a file, in order.
func frames(t *testing.T, path string) (all []string) {
	t.Helper()
	f, err := capture.OpenFile(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for frame := (capture.Frame{}); f.Next(&frame) == nil; {
		all = append(all, string(frame.Data))
	}
	return all
}

// filter returns the filter of Wireshark for a flow, "" if the test has none.
func filter(e *event) string {
	ip := "ip"
	if strings.Contains(e.Source.IP, ":") {
		ip = "ipv6"
	}
	ends := fmt.Sprintf("%s.addr == %s && %s.addr == %s", ip, e.Source.IP, ip, e.Destination.IP)
	switch p := e.Network.Transport; p {
	case "tcp", "udp":
		return fmt.Sprintf("%s && %s.port == %d && %s.port == %d", ends, p, e.Source.Port, p, e.Destination.Port)
	case "icmp":
		return ends + " && icmp"
	}
	return ""
}

// seen returns the frames of a flow that tshark sees among those that were taken.
func (k *taken) seen(t *testing.T, e *event) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "seen.pcap")
	out, err := exec.CommandContext(t.Context(), "tshark", "-r", k.path, "-Y", filter(e), "-w", path).CombinedOutput()
	if err != nil {
		t.Fatalf("tshark: %v: %s", err, out)
	}
	return frames(t, path)
}

// traffic is one connection of each kind.
func (h *home) traffic(t *testing.T) {
	t.Helper()
	for _, line := range []string{
		"curl -sS -o /dev/null " + testbed.SmallURL,
		"curl -sS -o /dev/null " + testbed.SmallURL6,
		"curl -sSk -o /dev/null https://" + testbed.WebAddr + "/",
		"curl -sS -o /dev/null " + testbed.LargeURL + "3000000",
		"dig www.example.org @" + testbed.MagicDNS,
		"ping -c3 -i0.2 " + testbed.WebAddr,
	} {
		h.run(t, h.work, line)
	}
	h.run(t, h.untrusted, "curl -sS -o /dev/null "+testbed.SmallURL)
}

// TestGet fetches for the event of each flow exactly the packets that tshark sees on the
// vif, while the beat runs, and nothing of a qube that is excluded.
func TestGet(t *testing.T) {
	h := newHome(t, stored)
	h.traffic(t)
	h.settle(t)
	h.taken.close(t)
	compared := map[string]int{}
	for _, e := range h.flows(t) {
		out := filepath.Join(t.TempDir(), "out.pcapng")
		_, talk, status := h.pcap(t, "get", "--event", h.write(t, &e), "-w", out)
		if e.Qube.Name == "untrusted" {
			if _, err := os.Stat(out); status != 4 || err == nil || e.Flow.Packets != nil {
				t.Errorf("untrusted: status %d, flow.packets %+v, file %v: %s; want 4, none and no file", status, e.Flow.Packets, err, talk)
			}
			compared["untrusted"]++
			continue
		}
		if p := e.Flow.Packets; p == nil || p.Written == 0 || p.Cut+p.Lost > 0 || p.Segment == nil {
			t.Errorf("flow.packets = %+v; want stored: %s", p, e.raw)
		}
		if filter(&e) == "" {
			continue
		}
		want, got := h.taken.seen(t, &e), frames(t, out)
		if status != 0 || len(want) == 0 || !slices.Equal(sorted(want), sorted(got)) {
			t.Errorf("%s %s:%d: status %d, %d packets; tshark sees %d: %s", e.Network.Transport, e.Destination.IP, e.Destination.Port, status, len(got), len(want), talk)
		}
		said := regexp.MustCompile(fmt.Sprintf(`^work: .*\n%d of %d packets, [0-9,]+ bytes, from 1 segment\n$`, len(want), len(want)))
		if !said.MatchString(talk) {
			t.Errorf("pcap get says %q; want a line that matches %s", talk, said)
		}
		compared[fmt.Sprintf("%s %d", e.Network.Transport, e.Destination.Port)]++
	}
	if diff := cmp.Diff(map[string]int{"tcp 80": 3, "tcp 443": 1, "udp 53": 1, "icmp 0": 1, "untrusted": 1}, compared); diff != "" {
		t.Errorf("flows mismatch (-want +got):\n%s", diff)
	}
	if found, _ := filepath.Glob(filepath.Join(h.dir, "untrusted*")); len(found) > 0 {
		t.Errorf("there is %v of an excluded qube", found)
	}
	events := h.beat.Stop(t)
	checkBalance(t, events.Last())
	if out, talk, status := h.pcap(t, "verify"); status != 0 || !strings.Contains(out, "whole\nnewest: "+events.Last().Text("stats.packets.chain")) {
		t.Errorf("verify: status %d: %s%s; want what the last stats event has, %s", status, out, talk, events.Last().Text("stats.packets.chain"))
	}
}

// TestManage has a running beat complete and forget what it stores. A segment ends with its
// vif, and the restarted qube gets another one.
func TestManage(t *testing.T) {
	h := newHome(t, stored)
	want := func(files int) {
		t.Helper()
		out, talk, status := h.pcap(t, "status")
		if status != 0 || !regexp.MustCompile(`(?m)^work +(vif\d+\.0|-) +[0-9.]+ kB +- +2`).MatchString(out) || len(h.sealed(t)) != files {
			t.Errorf("status %d: %s%s; want work; %d files: %v", status, out, talk, files, h.sealed(t))
		}
	}
	get := "curl -sS -o /dev/null " + testbed.SmallURL
	h.run(t, h.work, get)
	poll.Until(t, "a flush", func() bool { out, _, _ := h.pcap(t, "status"); return strings.Contains(out, "\nwork ") })
	if out, talk, status := h.pcap(t, "seal", "work"); status != 0 || out+talk != "" {
		t.Errorf("seal: status %d: %s%s", status, out, talk)
	}
	want(1)
	h.run(t, h.work, get)
	h.work = h.ReAdd(h.work, 21)
	h.WriteInventory(filepath.Join(h.beat.Home, "inventory"))
	poll.Until(t, "the segment of the vif", func() bool { return len(h.sealed(t)) == 2 })
	h.settle(t)
	flows := h.flows(t)
	if out, talk, status := h.pcap(t, "forget", "work", "--yes"); status != 0 || !regexp.MustCompile("^removed [23] files of work\n$").MatchString(out) { // a qube that starts may send something
		t.Errorf("forget: status %d: %s%s", status, out, talk)
	}
	for i := range flows {
		_, talk, status := h.pcap(t, "get", "--event", h.write(t, &flows[i]), "-w", filepath.Join(t.TempDir(), "out.pcapng"))
		if status != 4 || !strings.Contains(talk, "the packets are gone: work/") {
			t.Errorf("get of what was forgotten: status %d: %s", status, talk)
		}
	}
	h.run(t, h.work, get)
	h.beat.Stop(t)
	want(1)
	if out, talk, status := h.pcap(t, "verify"); status != 0 {
		t.Errorf("verify: status %d: %s%s", status, out, talk)
	}
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// TestFlows meters every packet on the vif, with a store and without.
func TestFlows(t *testing.T) {
	for name, more := range map[string]string{"on": stored, "off": ""} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t, more)
			h.traffic(t)
			h.settle(t)
			events := h.beat.Stop(t)
			h.taken.close(t)
			n := 0
			for _, e := range h.flows(t) {
				if e.Qube.Vif == h.work.Vif {
					n += e.Network.Packets
				}
				if more == "" && e.Flow.Packets != nil {
					t.Errorf("flow.packets = %+v without a store", e.Flow.Packets)
				}
			}
			if n != h.taken.ip || n == 0 {
				t.Errorf("%d packets in flows; %d were on the vif", n, h.taken.ip)
			}
			if d := events.Last().Number("stats.capture.kernel_drops"); d != 0 {
				t.Errorf("the kernel has dropped %d frames", d)
			}
		})
	}
}
