package packetstore

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// compressing is a Config's change that compresses segments of a mebibyte.
func compressing(c *Config) { c.Compress, c.Segment.Bytes = "zstd", 1<<20 }

// packAll compresses all that there is to compress, as Run does while it has nothing to write.
func (w *world) packAll() {
	for w.packs() && w.pack() {
	}
}

// unzstd returns what zstd itself reads of a file.
func unzstd(tb testing.TB, f *os.File) io.ReadCloser {
	tb.Helper()
	d, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	check(tb, err)
	return struct {
		io.Reader
		io.Closer
	}{d, f}
}

// filled returns a store with sealed segments of 12 flows, compressed or not.
func filled(t *testing.T, change func(*Config)) (dir string) {
	dir = fastDir(t)
	w := newWorld(t, dir, change)
	for i := range 12 {
		w.add(7, uint64(i), 150, 1400)
		w.add(8, uint64(i+100), 30, 300)
		w.tick()
		w.packAll()
	}
	w.stop()
	w = newWorld(t, dir, change) // for what was sealed at the end
	w.packAll()
	w.stop()
	return dir
}

// TestStore_pack holds that compressed segments have the same packets for every question, take
// less room, are what the chain says, and are read by zstd.
func TestStore_pack(t *testing.T) {
	t.Parallel()
	plain := filled(t, func(c *Config) { c.Segment.Bytes = 1 << 20 })
	packed := filled(t, compressing)
	paths := segments(t, packed)
	for _, path := range paths {
		if !isPacked(path) {
			t.Errorf("%s is not compressed", path)
		}
	}
	if len(paths) < 4 || len(segments(t, plain)) != len(paths) || sizes(t, packed+"/*/*.zst") > sizes(t, plain+"/*/*.pcapng")/2 {
		t.Errorf("%d segments of %d bytes; %d were stored, of %d bytes", len(paths), sizes(t, packed+"/*/*.zst"), len(segments(t, plain)), sizes(t, plain+"/*/*.pcapng"))
	}
	verified(t, packed)
	if n := rows(t, packed); n != 12*180 {
		t.Errorf("%d packets; want %d", n, 12*180)
	}
	for name, q := range map[string]*Query{"all": {}, "by key": {Keys: []uint64{info(7, 5).Key}}, "by addresses": {Flows: []*FlowInfo{info(8, 107)}}, "of a qube": {Qube: "personal"}} {
		_, want := found(t, plain, q)
		res, got := found(t, packed, q)
		if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 || len(res.Unreadable) > 0 {
			t.Errorf("%s: packets mismatch (-want +got):\n%s%v", name, diff, res.Unreadable)
		}
	}
	again := newWorld(t, packed, nil) // without the setting, what is compressed stays
	again.stop()
	if again.c.repaired+again.c.damaged > 0 || len(segments(t, packed)) != len(paths) {
		t.Errorf("the next start repairs %d and finds %d damaged segments", again.c.repaired, again.c.damaged)
	}
}

// TestStore_pack_later compresses what was stored before it was asked for, and nothing that is
// removed meanwhile.
func TestStore_pack_later(t *testing.T) {
	t.Parallel()
	dir := filled(t, func(c *Config) { c.Segment.Bytes = 1 << 20 })
	n := len(segments(t, dir))
	w := newWorld(t, dir, compressing)
	w.pack()                                   // begins with one
	oldest := w.packing().of                   //
	w.evict([]victim{{oldest.folder, forAge}}) // which is removed
	w.packAll()
	if got := w.c.compressed; int(got) != n-1 || w.c.faults > 0 {
		t.Errorf("%d segments are compressed, with %d faults; want all but one of %d", got, w.c.faults, n)
	}
	w.stop()
	verified(t, dir)
	if left, _ := filepath.Glob(dir + "/*/*.tmp"); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	again := newWorld(t, dir, nil)
	defer again.stop()
	if have, want := w.w.catalog.bytes, again.w.catalog.bytes; have != want || have == 0 {
		t.Errorf("the store counts %d bytes; the next one %d", have, want)
	}
}

// TestStore_pack_room begins nothing that would leave too little on the disk, and tries again.
func TestStore_pack_room(t *testing.T) {
	t.Parallel()
	dir := filled(t, func(c *Config) { c.Segment.Bytes = 1 << 20 })
	w := newWorld(t, dir, compressing)
	least := w.conf.MinFree
	w.conf.MinFree = 1 << 60
	if w.pack() || w.c.compressed+w.c.faults > 0 || time.Until(w.packing().rest) < 30*time.Second {
		t.Errorf("compressed %d, faults %d, the next try in %v; want none, and none soon", w.c.compressed, w.c.faults, time.Until(w.packing().rest))
	}
	w.conf.MinFree = least
	w.packAll()
	w.stop()
	for _, path := range segments(t, dir) {
		if !isPacked(path) {
			t.Errorf("%s is not compressed", path)
		}
	}
}

func (w *world) packing() *packing { return &w.w.packing }

// TestKill_compress kills the process before every one of its calls while it compresses.
func TestKill_compress(t *testing.T) {
	t.Parallel()
	for die := 1; kill(t, die, die%2 == 0, nil, "zstd"); die++ {
	}
}

// TestStore_pack_lost makes the index of a compressed segment again, and says which segment is
// damaged.
func TestStore_pack_lost(t *testing.T) {
	t.Parallel()
	dir := filled(t, compressing)
	indexes, err := filepath.Glob(dir + "/work/*.idx")
	check(t, err)
	check(t, os.Remove(indexes[0]))
	w := newWorld(t, dir, nil)
	w.stop()
	if w.c.repaired != 1 || w.c.damaged != 0 {
		t.Errorf("%d segments are repaired, %d damaged; want the one without an index repaired", w.c.repaired, w.c.damaged)
	}
	verified(t, dir)
	_, got := found(t, dir, &Query{Flows: []*FlowInfo{info(7, 0)}})
	if len(got) != 150 {
		t.Errorf("%d packets of a flow in it; want 150", len(got))
	}
	path := strings.TrimSuffix(indexes[0], indexSuffix) + segmentSuffix + packedSuffix
	b, err := os.ReadFile(path)
	check(t, err)
	b[len(b)/2] ^= 0xff
	check(t, os.WriteFile(path, b, 0o600))
	r, err := OpenReader(dir)
	check(t, err)
	defer r.Close()
	res, err := r.Find(t.Context(), &Query{})
	check(t, err)
	var out bytes.Buffer
	done, err := r.Copy(context.Background(), &out, res, CopyOptions{})
	check(t, err)
	if len(done.Damaged) != 1 || !strings.Contains(done.Damaged[0].Error(), filepath.Base(path)) || done.Packets < 1500 {
		t.Errorf("copied %d packets, damaged %v; want the segment named and the packets of the others", done.Packets, done.Damaged)
	}
}

// FuzzUnpack reads anything as a compressed segment, and what was compressed as what it was.
func FuzzUnpack(f *testing.F) {
	e, err := newEncoder("zstd")
	check(f, err)
	text := bytes.Repeat([]byte("packets "), 40_000)
	packed := e.EncodeAll(text[:frameSize], nil)
	first := len(packed)
	packed = e.EncodeAll(text[frameSize:], packed)
	f.Add(appendSeekTable(packed, []packedFrame{{size: first, n: frameSize}, {size: len(packed) - first, n: len(text) - frameSize}}), int64(frameSize-10))
	f.Add(appendSeekTable(packed, []packedFrame{{size: len(packed), n: frameSize}}), int64(frameSize-10))
	f.Add(appendSeekTable(nil, nil), int64(0))
	f.Fuzz(func(t *testing.T, data []byte, at int64) {
		in, err := os.CreateTemp(t.TempDir(), "")
		check(t, err)
		_, err = in.Write(data)
		check(t, err)
		u, err := unpack(&osFile{File: in})
		if err != nil {
			_ = in.Close()
			return
		}
		defer u.Close()
		size, _ := u.Size()
		b := make([]byte, 100)
		n, err := u.ReadAt(b, at)
		if n > len(b) || n < len(b) && err == nil || err == nil && (at < 0 || at+int64(n) > size) {
			t.Errorf("ReadAt(%d) of %d bytes = %d, %v", at, size, n, err)
		}
	})
}

// TestStore_Run_pack compresses a segment while the store runs.
func TestStore_Run_pack(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, func(c *Config) { c.Compress, c.Now, c.uptime = "zstd", time.Now, bootTime })
	stop := w.running()
	defer stop()
	for range 500 {
		w.Add(w.packet(7, 1, 1000))
	}
	check(t, w.Seal(t.Context(), ""))
	packed := func() []string { found, _ := filepath.Glob(dir + "/work/*.zst"); return found }
	poll.Until(t, "a segment is compressed", func() bool { return len(packed()) > 0 })
	if all := segments(t, dir); len(packed()) != 1 || len(all) != 1 {
		t.Errorf("%v is there; want a compressed segment", all)
	}
}

// TestStore_pack_faults compresses everything in the end, whatever fails once.
func TestStore_pack_faults(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		call, file string
		err        error
		faults     uint64
	}{
		"no space":             {"write", ".zst.tmp", unix.ENOSPC, 0},
		"no space for a sync":  {"sync", ".zst.tmp", unix.ENOSPC, 0},
		"damaged":              {"rename", ".zst", unix.EIO, 1},
		"the plain one stays":  {"remove", ".pcapng", unix.EIO, 1},
		"no room in the chain": {"write", chainName, unix.ENOSPC, 0},
	} {
		dir := filled(t, func(c *Config) { c.Segment.Bytes = 1 << 20 })
		failed := false
		w, f := newFaulty(t, dir, nil, compressing)
		f.mu.Lock()
		f.fail = func(call, file string) error {
			if failed || call != tt.call || !strings.HasSuffix(file, tt.file) {
				return nil
			}
			failed = true
			return tt.err
		}
		f.mu.Unlock()
		for range 3 {
			w.packAll()
		}
		if !failed || w.c.faults != tt.faults {
			t.Errorf("%s: failed %v, %d faults; want %d", name, failed, w.c.faults, tt.faults)
		}
		w.stop()
		verified(t, dir)
		for _, path := range segments(t, dir) {
			if !isPacked(path) {
				t.Errorf("%s: %s is not compressed", name, path)
			}
		}
		if left, _ := filepath.Glob(dir + "/*/*.tmp"); len(left) > 0 {
			t.Errorf("%s: %v is left", name, left)
		}
	}
}

// TestStore_pack_foreign keeps a segment beside which someone has put what is not all of it,
// whatever the chain says.
func TestStore_pack_foreign(t *testing.T) {
	t.Parallel()
	dir := filled(t, compressing)
	packed := segments(t, dir)[0]
	text, err := os.ReadFile(decryptedCopy(t, packed))
	check(t, err)
	b, err := os.ReadFile(packed)
	check(t, err)
	check(t, os.WriteFile(plainName(packed), text, 0o600)) // as zstd -d does
	check(t, os.WriteFile(packed+".tmp", b[:len(b)/2], 0o600))
	check(t, os.WriteFile(packed, b[:len(b)/2], 0o600))
	n := len(segments(t, dir)) - 1
	w := newWorld(t, dir, nil)
	w.stop()
	if _, all := found(t, dir, &Query{}); len(all) != 12*180 || w.w.catalog.count != n {
		t.Errorf("%d packets are left in %d segments; want %d in %d", len(all), w.w.catalog.count, 12*180, n)
	}
	check(t, os.WriteFile(packed, b, 0o600)) // now it is whole
	check(t, os.WriteFile(packed+".tmp", b[:len(b)/2], 0o600))
	newWorld(t, dir, nil).stop()
	if _, err := os.Stat(plainName(packed)); err == nil {
		t.Error("the segment is there twice")
	}
	if _, all := found(t, dir, &Query{}); len(all) != 12*180 {
		t.Errorf("%d packets are left in the end; want %d", len(all), 12*180)
	}
	verified(t, dir)
}
