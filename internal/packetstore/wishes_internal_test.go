package packetstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// These tests are what users of other stores asked for or ran into, as far as no other test
// has it: docs/packet-store.md lists them all.

// TestWish_tls keeps the handshake of a TLS connection, with its certificate, and the FIN at
// its end, under a limit that cuts what is between.
func TestWish_tls(t *testing.T) {
	t.Parallel()
	frames := framesOf(t, filepath.Join(fixture.Shared(t, "captures"), "arkime/openssl-tls1_2.pcap"))
	dir := fastDir(t)
	w := newWorld(t, dir, func(c *Config) { c.FlowLimit = 8 << 10 })
	m := meter{iface: 7, flows: map[FlowInfo]*metered{}}
	var p packet.Packet
	add := func(data []byte) {
		f := m.flow(&p, 1, data, w.now.UnixNano())
		w.Add(&Packet{Iface: 7, At: w.now.UnixNano(), Data: data, Length: len(data), LinkType: 1, Flow: &f.FlowInfo, Account: &f.account})
		w.added++
		w.now = w.now.Add(time.Millisecond)
	}
	for _, f := range frames[:17] {
		add(f)
	}
	for range 100 {
		add(append(slices.Clone(frames[16][:54]), make([]byte, 1000)...))
	}
	for _, f := range frames[17:] {
		add(f)
	}
	w.tick()
	w.stop()
	if n := w.c.written[cutFlow].packets; n < 90 {
		t.Errorf("%d packets are cut; want most of those behind the handshake", n)
	}
	path := segments(t, dir)[0]
	for filter, want := range map[string]int{"tls.handshake.type == 1": 1, "tls.handshake.type == 11": 1, "tcp.flags.fin == 1": 2} {
		if got := len(lines(t, path, "-Y", filter)); got != want {
			t.Errorf("%s: %d packets; want %d", filter, got, want)
		}
	}
}

// framesOf returns the frames of a capture.
func framesOf(t *testing.T, path string) (frames [][]byte) {
	t.Helper()
	src, err := capture.OpenFile(path, new(capture.Interfaces))
	check(t, err)
	defer src.Close()
	var f capture.Frame
	for {
		err := src.Next(&f)
		if errors.Is(err, io.EOF) {
			return frames
		}
		check(t, err)
		frames = append(frames, slices.Clone(f.Data))
	}
}

// TestWish_evict stops storing when nothing can be removed, says so, and goes on when it can.
// Until then the store keeps within its bound.
func TestWish_evict(t *testing.T) {
	t.Parallel()
	dir, refuse := fastDir(t), true
	w, _ := newFaulty(t, dir, func(call, name string) error {
		if refuse && call == "remove" && strings.HasPrefix(name, "work/") && strings.HasSuffix(name, segmentSuffix) {
			return errors.New("no permission")
		}
		return nil
	}, func(c *Config) { c.Segment.Bytes, c.MaxBytes = 1<<20, 3<<20 })
	for range 10 {
		w.add(7, 1, 1000, 1000)
		w.tick()
	}
	if l := w.Live(); l.State != "full" || !strings.Contains(l.Why, "a segment cannot be removed: no permission") {
		t.Errorf("state %s, %q; want full, and the reason", l.State, l.Why)
	}
	if n := w.w.catalog.bytes + w.w.catalog.open; n > 5<<20 || w.c.lostDisk.packets == 0 {
		t.Errorf("%d bytes are stored, %d packets counted as lost; want little more than the bound", n, w.c.lostDisk.packets)
	}
	refuse = false
	w.now = w.now.Add(ageEvery)
	w.tick()
	w.tick()
	w.add(7, 1, 10, 1000)
	if w.tick(); w.Live().State != "running" || w.Live().Why != "" {
		t.Errorf("state %+v; want running", w.Live())
	}
	if n := w.w.catalog.bytes + w.w.catalog.open; n > 3<<20 {
		t.Errorf("%d bytes are stored; want the bound to hold again", n)
	}
	w.stop()
}

// TestWish_rare finds a packet that comes once an hour, a flush after it came and after a
// restart.
func TestWish_rare(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	found := func(when string, w *world, id uint64) {
		t.Helper()
		res, r := mustFind(t, dir, &Query{Flows: []*FlowInfo{info(7, id)}})
		done, err := r.Copy(t.Context(), io.Discard, res, CopyOptions{})
		check(t, err)
		if done.Packets != 1 {
			t.Errorf("%s: %d packets; want 1", when, done.Packets)
		}
	}
	for hour := range uint64(5) {
		w := newWorld(t, dir, nil)
		w.now = time.Unix(0, t0).Add(time.Duration(hour) * time.Hour)
		w.add(7, hour, 1, 100)
		w.tick()
		found(fmt.Sprintf("a second after hour %d", hour), w, hour)
		w.stop()
		for before := range hour {
			found(fmt.Sprintf("of hour %d, after a restart", before), w, before)
		}
	}
}

// TestWish_sizes decides about more than 4 GiB.
func TestWish_sizes(t *testing.T) {
	t.Parallel()
	h := holding{folder: "work", limits: Limits{Quota: 12 << 30}}
	for range 4 {
		h.segs = append(h.segs, known{folder: "work", bytes: 5 << 30})
		h.bytes += 5 << 30
	}
	if v := choose([]holding{h}, bounds{total: h.bytes, most: 100 << 30}); len(v) != 2 || v[0].reason != forQuota {
		t.Errorf("choose = %+v; want two segments to be removed for the quota of 12 GiB", v)
	}
	if v := choose([]holding{{folder: "work", segs: h.segs, bytes: h.bytes}}, bounds{total: h.bytes, most: 7 << 30}); len(v) != 3 {
		t.Errorf("choose = %+v; want three segments to be removed for the bound of 7 GiB", v)
	}
	if c := (Config{Segment: SegmentLimits{Bytes: 8 << 30}}); func() int64 { c.setDefaults(); return c.Segment.Bytes }() != 4<<30 {
		t.Errorf("a segment may have %d bytes; positions have 32 bits, of units of 4 bytes", c.Segment.Bytes)
	}
}

// TestWish_tcpdump has tcpdump read whatever is written: segments, open ones, and copies of
// two qubes with frames of every size.
func TestWish_tcpdump(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skipf("%v; apt-get install tcpdump", err)
	}
	dir := fastDir(t)
	w := newWorld(t, dir, func(c *Config) { c.Filter = "udp" })
	for _, n := range []int{60, 1514, 65_549, 127 << 10} {
		w.add(7, 1, 1, n)
		w.add(8, 2, 1, n)
	}
	w.tick()
	opens(t, 4, segments(t, dir)...)
	w.stop()
	opens(t, 4, segments(t, dir)...)
	res, r := mustFind(t, dir, &Query{})
	var out bytes.Buffer
	_, err := r.Copy(t.Context(), &out, res, CopyOptions{})
	check(t, err)
	path := filepath.Join(t.TempDir(), "out.pcapng")
	check(t, os.WriteFile(path, out.Bytes(), 0o600))
	opens(t, 8, path)
}

// opens fails unless tcpdump finds so many packets in each file, and says nothing else.
func opens(t *testing.T, packets int, paths ...string) {
	t.Helper()
	for _, path := range paths {
		var talk strings.Builder
		cmd := exec.Command("tcpdump", "-n", "-t", "-q", "-r", path)
		cmd.Stderr = &talk
		out, err := cmd.Output()
		if n := strings.Count(string(out), "\n"); err != nil || n != packets || strings.Count(talk.String(), "\n") > 1 {
			t.Errorf("tcpdump finds %d packets in %s, and says %q (%v); want %d", n, path, talk.String(), err, packets)
		}
	}
}
