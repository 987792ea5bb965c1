package packetstore

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What finding a flow in a large store has to reach, with files that are not in the page
// cache; mostWarm with files that are.
const (
	mostSearch    = 25 * time.Millisecond
	mostWarm      = 10 * time.Millisecond
	mostCommand   = 250 * time.Millisecond
	leastTcpdump  = 500 // how many times as long tcpdump takes
	mostIndex     = 6.0 // bytes of the index per packet
	largeSearches = 9
)

// TestFind_large looks for flows in a store of QUBESBEAT_PACKETS_GIB GiB, without a range of
// time, beside tcpdump, which finds the same packets.
func TestFind_large(t *testing.T) {
	gib, err := strconv.Atoi(os.Getenv("QUBESBEAT_PACKETS_GIB"))
	if err != nil || gib <= 0 {
		t.Skip("set QUBESBEAT_PACKETS_GIB to a number of GiB (go tool mage benchPackets)")
	}
	dir, err := os.MkdirTemp(os.Getenv("PACKETSTORE_BENCH_DIR"), "packetstore")
	check(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	begin := time.Now()
	w := newWorld(t, dir, func(c *Config) { c.Now, c.Memory, c.Integrity = time.Now, 64<<20, false })
	stop := w.running()
	flows := fill14(w, int64(gib)<<30)
	stop()
	took := time.Since(begin)
	perPacket := float64(w.w.catalog.index) / float64(w.added)
	t.Logf("%d packets, %.2f GB, %d segments written in %v (%.0f MB/s); index %.2f bytes per packet, %.2f %%", w.added, float64(w.w.catalog.bytes)/1e9,
		w.w.catalog.count, took.Round(time.Second), float64(w.w.catalog.bytes)/1e6/took.Seconds(), perPacket, 100*float64(w.w.catalog.index)/float64(w.w.catalog.bytes))
	if perPacket > mostIndex {
		t.Errorf("the index takes %.2f bytes per packet; want %g or less", perPacket, mostIndex)
	}
	r, err := OpenReader(dir)
	check(t, err)
	search := func(i uint64) time.Duration { return searchFor(t, r, i) }
	cold := median(t, dir, flows, true, search)
	warm := median(t, dir, flows, false, search)
	t.Logf("search: %v cold, %v warm", cold, warm)
	if cold > mostSearch {
		t.Errorf("a search takes %v with cold files; want %v or less", cold, mostSearch)
	}
	if warm > mostWarm {
		t.Errorf("a search takes %v with files in the page cache; want %v or less", warm, mostWarm)
	}
	check(t, r.Close())
	command(t, dir, flows)
	if times := float64(tcpdumpFor(t, dir, flows/2)) / float64(cold); times < leastTcpdump {
		t.Errorf("tcpdump takes %.0f times as long; want %d or more", times, leastTcpdump)
	} else {
		t.Logf("tcpdump takes %.0f times as long", times)
	}
}

// median returns the median time of searches for flows that are far apart; warm ones are
// made once before.
func median(t *testing.T, dir string, flows uint64, cold bool, search func(uint64) time.Duration) time.Duration {
	t.Helper()
	var all []time.Duration
	for i := range uint64(largeSearches) {
		if cold {
			forgetPages(t, dir)
		} else {
			search(flows/largeSearches*i + 7)
		}
		all = append(all, search(flows/largeSearches*i+7))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// searchFor finds a flow by its key.
func searchFor(t *testing.T, r *Reader, i uint64) time.Duration {
	t.Helper()
	begin := time.Now()
	res, err := r.Find(context.Background(), &Query{Keys: []uint64{info(7, i).Key}})
	took := time.Since(begin)
	check(t, err)
	if len(res.Flows) == 0 || res.Flows[0].SourcePort != uint16(i) {
		t.Fatalf("flow %d is not found: %+v", i, res.Flows)
	}
	return took
}

// forgetPages has the kernel forget what it holds of the files.
func forgetPages(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*/*"))
	check(t, err)
	for _, path := range files {
		f, err := os.Open(path)
		check(t, err)
		check(t, f.Sync())
		check(t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
		check(t, f.Close())
	}
}

// command measures `qubesbeat pcap get` as a whole, if QUBESBEAT_BIN names the program.
func command(t *testing.T, dir string, flows uint64) {
	t.Helper()
	bin := os.Getenv("QUBESBEAT_BIN")
	if bin == "" {
		t.Log("pcap get is left out: QUBESBEAT_BIN is not set")
		return
	}
	took := median(t, dir, flows, true, func(i uint64) time.Duration {
		begin := time.Now()
		cmd := exec.Command(bin, "pcap", "get", "--dir", dir, "--community-id", communityID(info(7, i)), "-w", filepath.Join(t.TempDir(), "out.pcapng"))
		out, err := cmd.CombinedOutput()
		took := time.Since(begin)
		if err != nil || !strings.Contains(string(out), "14 packets") {
			t.Fatalf("%v: %v: %s", cmd.Args, err, out)
		}
		return took
	})
	t.Logf("pcap get: %v cold", took)
	if took > mostCommand {
		t.Errorf("pcap get takes %v; want %v or less", took, mostCommand)
	}
}

// tcpdumpFor has tcpdump look for a flow in all segments.
func tcpdumpFor(t *testing.T, dir string, i uint64) time.Duration {
	t.Helper()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skipf("%v; apt-get install tcpdump", err)
	}
	f := info(7, i)
	filter := fmt.Sprintf("host %v and port %d", f.Destination, f.SourcePort)
	begin, found := time.Now(), 0
	for _, path := range segments(t, dir) {
		out, err := exec.Command("tcpdump", "-n", "-r", path, filter).Output()
		check(t, err)
		found += strings.Count(string(out), "\n")
	}
	took := time.Since(begin)
	t.Logf("tcpdump -r: %v", took.Round(time.Millisecond))
	if found != 14 {
		t.Errorf("tcpdump finds %d packets; want 14", found)
	}
	return took
}
