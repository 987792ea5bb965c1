package packetstore

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// fault is what a disk may answer to a call.
type fault struct {
	name, call, file string
	err              error
	n                int
	lost             bool // packets are lost, and counted
}

// newFaulty opens a store in a folder whose calls fail as fail says.
func newFaulty(tb testing.TB, dir string, fail func(call, name string) error, change func(*Config)) (*world, *faulty) {
	tb.Helper()
	real, err := openFolder(dir)
	check(tb, err)
	tb.Cleanup(func() { _ = real.Close() })
	f := &faulty{files: real, fail: fail}
	return newWorld(tb, dir, func(c *Config) {
		c.files = f
		if change != nil {
			change(c)
		}
	}), f
}

// faults are what a disk may answer to a call. Each is given n times, or for ever if n is
// -1.
var faults = []fault{
	{"no space for a segment", "create", ".open", unix.ENOSPC, 3, false},
	{"no space reserved", "allocate", ".open", unix.ENOSPC, -1, false},
	{"no space in the middle", "write", ".open", unix.ENOSPC, 4, false},
	{"quota of the disk", "write", ".open", unix.EDQUOT, 4, false},
	{"no space for ever", "write", ".open", unix.ENOSPC, -1, false},
	{"no space for the index", "write", ".idx", unix.ENOSPC, 2, false},
	{"no space for the name", "rename", ".pcapng", unix.ENOSPC, 2, false},
	{"no space for the line", "write", chainName, unix.ENOSPC, 2, false},
	{"fault once", "write", ".open", unix.EIO, 1, false},
	{"fault of a segment", "write", ".open-vif7.0", unix.EIO, -1, true},
	{"fault for ever", "write", "", unix.EIO, -1, true},
	{"fault of sync", "sync", ".open", unix.EIO, 1, false},
	{"short writes", "write", ".open", errShort, 2, false},
	{"read-only", "create", "", unix.EROFS, -1, true},
	{"no folder", "mkdir", "", unix.ENOENT, 2, false},
	{"no folder is synced", "syncdir", "", unix.EIO, -1, false},
}

// TestFaults injects what a disk may answer. Whatever it is, the account is exact, the
// files have as many packets as it says, tshark has nothing to say about them, and the
// store works again once the disk does.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, encrypt := range []bool{false, true} {
		for i := range faults {
			tt := &faults[i]
			name := tt.name
			if encrypt {
				name += ", encrypted"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				tt.inject(t, encrypt)
			})
		}
	}
}

// inject stores packets in a folder of which a call fails.
func (tt *fault) inject(t *testing.T, encrypt bool) {
	dir := fastDir(t)
	left, ready := tt.n, false
	w, f := newFaulty(t, dir, func(call, name string) error {
		if !ready || left == 0 || call != tt.call || !strings.Contains(name, tt.file) {
			return nil
		}
		left--
		return tt.err
	}, func(c *Config) {
		if c.Segment.Bytes = 2 << 20; encrypt {
			encrypting(c)
		}
	})
	ready = true
	for range 8 {
		w.add(7, 1, 400, 1496)
		w.add(8, 2, 10, 60)
		w.tick()
	}
	f.mu.Lock()
	hit := left != tt.n
	left = 0 // the disk works again
	f.mu.Unlock()
	w.now = w.now.Add(time.Minute)
	w.tick()
	w.tick()
	before := w.c.lostDisk.packets + w.c.lostMemory.packets
	w.add(7, 3, 100, 500)
	w.tick()
	w.stop()
	after := w.c.lostDisk.packets + w.c.lostMemory.packets
	if after != before {
		t.Errorf("%d packets are lost although the disk works again", after-before)
	}
	if !hit || (after > 0) != tt.lost {
		t.Errorf("fault injected: %v; %d packets lost; want any: %v", hit, after, tt.lost)
	}
	again := newWorld(t, dir, nil) // repairs what is left
	again.stop()
	written := w.c.written.sum().packets
	gone := w.c.evicted.packets + again.c.evicted.packets
	if n := rows(t, dir) + gone; n < written || n > w.added {
		t.Errorf("%d packets are in the files or were evicted; %d are counted as written", n, written)
	}
	verified(t, dir)
}

// verified fails if the chain and the segments contradict each other.
func verified(tb testing.TB, dir string) {
	tb.Helper()
	r, err := OpenReader(dir)
	check(tb, err)
	defer r.Close()
	v, err := r.Verify(context.Background())
	check(tb, err)
	for _, p := range v.Problems {
		tb.Errorf("verify: %s", p)
	}
	f, err := os.Open(filepath.Join(dir, chainName))
	check(tb, err)
	defer f.Close()
	seen := map[string]bool{}
	check(tb, readLines(f, func(_ []byte, l *Line, _ error) {
		if key := l.Event + " " + l.Name; l.Event != Repaired && seen[key] {
			tb.Errorf("the chain says twice: %s", key)
		} else {
			seen[key] = true
		}
	}))
}

// TestKill kills the process before every one of its calls in turn: a seal, a flush, an
// eviction and a start are among them. The next start repairs what is left, and a second
// one finds nothing to do. Without evictions, every packet that was written is there.
func TestKill(t *testing.T) {
	t.Parallel()
	for die := 1; kill(t, die, die%2 == 0, nil, ""); die++ {
	}
}

// kill kills a store before a call, and reports whether it came so far.
func kill(t *testing.T, die int, evict bool, keys []string, compress string) bool {
	dir := fastDir(t)
	w, f := newFaulty(t, dir, nil, func(c *Config) {
		c.EncryptTo, c.Compress = keys, compress
		if c.Segment.Bytes = 1 << 20; evict {
			c.MaxBytes = 3 << 20
		}
	})
	f.mu.Lock()
	f.calls, f.die = 0, die
	f.mu.Unlock()
	for range 8 {
		w.add(7, 1, 300, 1496)
		w.add(8, 2, 3, 60)
		w.turn(true)
		w.packAll()
		w.balance()
	}
	dead := f.calls >= die
	if evict != (w.c.evicted.packets > 0) && !dead {
		t.Errorf("evicted %d packets; want any: %v", w.c.evicted.packets, evict)
	}
	_ = w.lock.Close() // as the end of the process does
	newWorld(t, dir, nil).stop()
	verified(t, dir)
	if n := scanned(t, dir); !evict && n < w.c.written.sum().packets {
		t.Fatalf("killed at call %d: %d packets are in the files; %d were written", die, n, w.c.written.sum().packets)
	}
	for _, form := range []string{".open*", "*/*.tmp"} {
		if left, _ := filepath.Glob(filepath.Join(dir, form)); len(left) > 0 {
			t.Fatalf("killed at call %d: %v is left", die, left)
		}
	}
	for _, path := range segments(t, dir) {
		if _, err := os.Stat(plainName(path)); isPacked(path) && err == nil {
			t.Fatalf("killed at call %d: %s is there twice", die, plainName(path))
		}
	}
	if again := newWorld(t, dir, nil); again.c.repaired+again.c.damaged > 0 {
		t.Fatalf("killed at call %d: the second start repairs, too", die)
	} else {
		again.stop()
	}
	if die%20 == 0 { // tshark takes its time
		rows(t, dir)
	}
	return dead
}

// scanned returns how many packets our own scanner finds in all files.
func scanned(tb testing.TB, dir string) (n uint64) {
	tb.Helper()
	for _, path := range segments(tb, dir) {
		f := opened(tb, path)
		s := pcapng.NewScanner(f, 0)
		b := new(pcapng.Block)
		err := s.Next(b)
		for ; err == nil; err = s.Next(b) {
			if b.Type == pcapng.TypePacket {
				n++
			}
		}
		if err != io.EOF && !isEncrypted(path) { // the last block may be in the chunk that is lost
			tb.Errorf("%s: %v", path, err)
		}
		check(tb, f.Close())
	}
	return n
}

// fastDir returns a folder in memory, if there is one.
func fastDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "packetstore")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// TestRepair_cut cuts an open segment at many places of its end, fills pages of it with
// zeros, and repairs it.
func TestRepair_cut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t, dir, nil)
	w.add(7, 1, 200, 508)
	w.tick()
	open := segments(t, dir)[0]
	data, err := os.ReadFile(open)
	check(t, err)
	w.stop()
	const block = 552 // of a packet: 508, 32, flags and end of options
	for cut := len(data); cut > len(data)-9000; cut -= 37 {
		to := fastDir(t)
		check(t, os.WriteFile(filepath.Join(to, filepath.Base(open)), data[:cut], 0o600))
		again := newWorld(t, to, nil)
		again.stop()
		want := min(200, uint32(max(0, cut-pageSize)/block))
		res, _ := mustFind(t, to, &Query{Flows: []*FlowInfo{info(7, 1)}})
		if len(res.Flows) != 1 || res.Flows[0].Packets != uint64(want) {
			t.Fatalf("cut at %d: %+v; want %d packets", cut, res.Flows, want)
		}
	}
	for page := 0; page < len(data)/pageSize; page += 5 {
		to := fastDir(t)
		damaged := append([]byte(nil), data...)
		clear(damaged[page*pageSize : (page+1)*pageSize])
		check(t, os.WriteFile(filepath.Join(to, filepath.Base(open)), damaged, 0o600))
		again := newWorld(t, to, nil)
		again.stop()
		want := max(0, page-1) * pageSize / block
		if page == 0 {
			want = 200
		}
		if lost := again.c.lostCrash; page < len(data)/pageSize-2 && lost != uint64(200-want) {
			t.Errorf("page %d zeroed: lost_crash = %d; want %d", page, lost, 200-want)
		}
		if n := rows(t, to); n != uint64(want) {
			t.Fatalf("page %d zeroed: %d packets; want %d", page, n, want)
		}
		verified(t, to)
	}
}

func mustFind(tb testing.TB, dir string, q *Query) (*Result, *Reader) {
	tb.Helper()
	r, err := OpenReader(dir)
	check(tb, err)
	tb.Cleanup(func() { _ = r.Close() })
	res, err := r.Find(context.Background(), q)
	check(tb, err)
	return res, r
}

// TestRestart holds that a restart overwrites nothing and the sequence goes on.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 5 {
		w := newWorld(t, dir, nil)
		w.add(7, uint64(i), 10, 100)
		w.stop()
		if n := len(segments(t, dir)); n != i+1 || w.seq != uint32(i+1) {
			t.Errorf("start %d: %d segments, the last is number %d", i, n, w.seq)
		}
	}
}
