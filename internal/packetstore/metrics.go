package packetstore

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/metrics"
)

var _ metrics.Source = (*Store)(nil) // type check

// publishUse lets others see what the writer knows of the disk.
func (s *Store) publishUse() {
	c := &s.w.catalog
	free, _ := s.files.Free()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disk = diskUse{bytes: c.bytes + c.open, index: c.index, free: free, most: s.conf.MaxBytes, segments: c.count, oldest: c.oldest(), slowest: s.w.slowest, head: s.w.chain.head}
}

// Metrics adds the counters. frames is the sum of written_*, cut_*, excluded, lost_* and
// waiting.
func (s *Store) Metrics(set *metrics.Set) {
	s.mu.Lock()
	c, d, open, l := s.c, s.disk, s.open, s.level
	s.mu.Unlock()
	set.Group("packets")
	addCount(set, "frames", c.frames)
	addCount(set, "written", c.written[whole])
	addCount(set, "cut_flow", c.written[cutFlow])
	addCount(set, "cut_pressure", c.written[cutPressure])
	addCount(set, "excluded", c.excluded)
	addCount(set, "lost_memory", c.lostMemory)
	addCount(set, "lost_disk", c.lostDisk)
	addCount(set, "waiting", c.waiting.sum())
	addCount(set, "evicted", c.evicted)
	set.Add("not_indexed", c.unindexed)
	set.Add("segments_open", uint64(open))
	set.Add("segments_on_disk", uint64(d.segments))
	set.Add("segments_sealed", c.sealed)
	set.Add("segments_evicted_age", c.evictedAge)
	set.Add("segments_evicted_quota", c.evictedQuota)
	set.Add("segments_evicted_space", c.evictedSpace)
	set.Add("segments_forgotten", c.forgotten)
	set.Add("segments_compressed", c.compressed)
	set.Add("segments_repaired", c.repaired)
	set.Add("segments_damaged", c.damaged)
	set.Add("lost_crash", c.lostCrash)
	set.Add("crash_bytes_cut", c.bytesCut)
	set.Add("faults", c.faults)
	set.Add("disk_bytes", uint64(max(d.bytes, 0)))
	set.Add("index_bytes", uint64(d.index))
	set.Add("free_bytes", uint64(d.free))
	if d.oldest > 0 {
		set.Add("oldest_seconds", uint64(max(s.conf.Now().Sub(time.Unix(0, d.oldest)), 0)/time.Second))
	}
	set.Add("pressure_changes", c.pressureChanges)
	set.Add("slowest_write_ms", uint64(d.slowest/time.Millisecond))
	set.Text("state", l.String())
	set.Text("chain", d.head)
}

func addCount(set *metrics.Set, name string, c count) {
	set.Add(name, c.packets)
	set.Add(name+"_bytes", c.bytes)
}
