package packetstore

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cpu returns the processor time of the process.
func cpu(tb testing.TB) time.Duration {
	var u unix.Rusage
	check(tb, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// drain waits until the writer has done what it has to do.
func (w *world) drain() { check(w.tb, w.Seal(context.Background(), "no such qube")) }

// benchDir returns a folder on a disk.
func benchDir(b *testing.B) string {
	dir, err := os.MkdirTemp(os.Getenv("PACKETSTORE_BENCH_DIR"), "packetstore")
	check(b, err)
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// BenchmarkAdd stores packets of 1,000 flows while the writer runs. ns/op is the time of
// the meter, cpu-ns/op that of the writer, too.
func BenchmarkAdd(b *testing.B) {
	for _, integrity := range []bool{false, true} {
		for _, size := range []int{60, 508, 1496} {
			b.Run(fmt.Sprintf("integrity=%v/bytes=%d", integrity, size), func(b *testing.B) { benchmarkAdd(b, size, integrity) })
		}
	}
}

func benchmarkAdd(b *testing.B, size int, integrity bool) {
	w := newWorld(b, benchDir(b), func(c *Config) {
		c.Now, c.Memory, c.MaxBytes, c.Integrity = time.Now, 32<<20, 1<<30, integrity
	})
	packets := make([]*Packet, 1000)
	for i := range packets {
		packets[i] = w.packet(7, uint64(i), size)
	}
	stop := w.running()
	b.ReportAllocs()
	w.Add(packets[0])
	w.drain() // the name is known
	start := cpu(b)
	i := 0
	for b.Loop() {
		for w.Pressure() { // what the disk takes, not what is lost
			w.drain()
		}
		p := packets[i%len(packets)]
		p.At += 1000
		w.Add(p)
		i++
	}
	stop()
	b.ReportMetric(float64(cpu(b)-start)/float64(i), "cpu-ns/op")
	b.ReportMetric(float64(w.c.lostMemory.packets+w.c.written[cutPressure].packets)/float64(i), "cut-or-lost/op")
	b.ReportMetric(float64(w.w.catalog.index)/float64(w.w.catalog.bytes)*100, "index-%")
}

// BenchmarkFind looks for a flow in a store of PACKETSTORE_BENCH_GIB GiB, 1 by default, of
// flows of 14 packets each, without a range of time.
func BenchmarkFind(b *testing.B) {
	gib := 1
	if text := os.Getenv("PACKETSTORE_BENCH_GIB"); text != "" {
		_, err := fmt.Sscan(text, &gib)
		check(b, err)
	}
	dir := benchDir(b)
	w := newWorld(b, dir, func(c *Config) { c.Now, c.Memory, c.Integrity = time.Now, 64<<20, false })
	stop := w.running()
	flows := fill14(w, int64(gib)<<30)
	stop()
	r, err := OpenReader(dir)
	check(b, err)
	i := uint64(0)
	for b.Loop() {
		i = (i + 7919) % flows
		res, err := r.Find(context.Background(), &Query{Keys: []uint64{info(7, i).Key}})
		check(b, err)
		if len(res.Flows) == 0 || res.Flows[0].SourcePort != uint16(i) {
			b.Fatalf("flow %d is not found: %+v", i, res.Flows)
		}
	}
	b.ReportMetric(float64(w.w.catalog.count), "segments")
	b.ReportMetric(float64(w.w.catalog.index)/float64(w.w.catalog.bytes)*100, "index-%")
	b.ReportMetric(float64(w.w.catalog.index)/float64(w.added), "index-bytes/packet")
	check(b, r.Close())
}

// fill14 stores n bytes of flows of 14 packets, 64 at once, and returns how many flows.
func fill14(w *world, n int64) (flows uint64) {
	const at = 64
	var marks [at]Account
	p := w.packet(7, 0, 446)
	w.marks = map[uint64]*Account{}
	w.Add(w.packet(7, 1<<40, 446))
	w.drain() // the name is known
	for stored := int64(0); stored < n; flows += at {
		for range 14 {
			for i := range uint64(at) {
				for w.Pressure() {
					w.drain()
				}
				udp(p.Data[:42], 7, flows+i)
				p.At += 1000
				p.Flow, p.Account = info(7, flows+i), &marks[i]
				w.Add(p)
				w.added++
				stored += 490
			}
		}
		marks = [at]Account{}
	}
	return flows
}

// BenchmarkCopy finds a flow of 14 packets in 256 MiB and copies it, from segments that are
// compressed or not.
func BenchmarkCopy(b *testing.B) {
	for _, compress := range []string{"", "zstd"} {
		b.Run("compress="+compress, func(b *testing.B) {
			dir := benchDir(b)
			settings := func(c *Config) { c.Now, c.Memory, c.Compress = time.Now, 64<<20, compress }
			w := newWorld(b, dir, settings)
			stop := w.running()
			flows := fill14(w, 256<<20)
			stop()
			w = newWorld(b, dir, settings)
			w.packAll()
			check(b, w.finish())
			r, err := OpenReader(dir)
			check(b, err)
			i := uint64(0)
			for b.Loop() {
				i = (i + 7919) % flows
				res, err := r.Find(context.Background(), &Query{Keys: []uint64{info(7, i).Key}})
				check(b, err)
				if done, err := r.Copy(context.Background(), io.Discard, res, CopyOptions{}); err != nil || done.Packets != 14 {
					b.Fatalf("flow %d: copied %+v, %v", i, done, err)
				}
			}
			check(b, r.Close())
		})
	}
}
