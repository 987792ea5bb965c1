package packetstore

import (
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// finishSegment completes the file of a segment and gives it its name. After a fault it
// is called again, and goes on where it was.
func (s *Store) finishSegment(g *segment, reason string) error {
	if g.size == 0 {
		if err := s.writeEnd(g); err != nil {
			return err
		}
	}
	name := s.sealedName(g)
	cut := func() error { return errors.Join(g.file.Truncate(g.size), g.file.Sync()) }
	write := func() error { return s.index(g, name) }
	steps := []func() error{cut, write}
	if g.enc != nil { // whose end only the index tells from the rest of its page
		steps = []func() error{g.file.Sync, write, func() error { s.ended(g); return cut() }}
	}
	for _, do := range steps {
		if err := do(); err != nil {
			return err
		}
	}
	k := known{name: name, folder: g.qube, bytes: rounded(g.size) + g.indexBytes, index: g.indexBytes, packets: g.packets, first: g.first, last: g.last}
	if err := s.publish(g.name, &k, &Line{Event: Sealed, Bytes: g.size, Segment: g.digest, Index: g.indexed, Reason: reason}, &g.chained); err != nil {
		return err
	}
	_ = g.file.Close()
	s.w.catalog.open -= g.allocated
	s.w.stale = true
	s.w.spare(g)
	s.bump(func(c *counters) { c.sealed++; s.stock.release(&g.notes) })
	return nil
}

// index writes the index of a segment, unless that is done.
func (s *Store) index(g *segment, name string) error {
	if g.indexed != "" {
		return nil
	}
	x := s.w.indexer.index(g, g.size, false)
	if err := s.writeIndex(indexName(name), x); err != nil {
		return err
	}
	g.indexed, g.indexBytes = digest(x), rounded(int64(len(x)))
	return nil
}

// rounded returns what a file of n bytes takes on the disk.
func rounded(n int64) int64 { return (n + pageSize - 1) &^ (pageSize - 1) }

// writeEnd writes the last page, which ends with the statistics. Zeros behind them, or a block that is not
// complete, would be there for a moment.
func (s *Store) writeEnd(g *segment) error {
	tail := s.w.scratch[:copy(s.w.scratch, g.tail[:g.end%pageSize])]
	end := pcapng.AppendStats(nil, &pcapng.Stats{At: g.last, Start: g.first, End: g.last, Counted: true,
		Received: uint64(g.packets) + g.lost.packets + g.kernel, Dropped: g.lost.packets + g.kernel})
	if n := padding(len(tail) + len(end)); n > 0 {
		tail = pcapng.AppendFill(tail, 0, g.last, n)
	}
	tail = append(tail, end...)
	if g.enc != nil {
		return s.endEncrypted(g, tail)
	}
	if err := s.put(g, tail, g.done); err != nil {
		return err
	}
	g.addSum(tail)
	g.size = g.done + int64(len(tail))
	g.digest = g.sumText()
	s.ended(g)
	return nil
}

// ended counts what a segment has, all of which is written.
func (s *Store) ended(g *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written(g, &g.tailTally)
	s.written(g, &g.inflight)
	if g.enc != nil {
		s.written(g, &g.enc.promised[0].tally)
		s.written(g, &g.enc.promised[1].tally)
	}
}

// writeIndex writes an index to the disk, under its name once it is complete.
func (s *Store) writeIndex(name string, b []byte) (err error) {
	if err := s.mkdir(name); err != nil {
		return err
	}
	tmp := name + ".tmp"
	if err := s.files.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := s.files.Create(tmp)
	if err != nil {
		return err
	}
	err = s.writeFile(f, b)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, s.files.Remove(tmp))
	}
	return s.files.Rename(tmp, name)
}

// writeFile writes a whole file, by pages from aligned memory.
func (s *Store) writeFile(f file, b []byte) error {
	for at := 0; at < len(b); at += scratchSize {
		part := s.w.scratch[:scratchSize]
		n := copy(part, b[at:])
		part = part[:rounded(int64(n))]
		clear(part[n:])
		if _, err := f.WriteAt(part, int64(at)); err != nil {
			return err
		}
	}
	return errors.Join(f.Truncate(int64(len(b))), f.Sync())
}

// mkdir makes the folder of a segment or an index.
func (s *Store) mkdir(name string) error {
	folder, _ := splitName(name)
	return s.files.Mkdir(folder)
}

// publish writes the line of a segment that is complete, gives it its name, and enters
// it into the catalog. chained says whether the line is written.
func (s *Store) publish(from string, k *known, l *Line, chained *bool) error {
	if err := s.mkdir(k.name); err != nil {
		return err
	}
	if !*chained {
		l.At, l.Name, l.Packets, l.First, l.Last = s.conf.Now(), k.name, k.packets, k.first, k.last
		if err := s.w.chain.append(l); err != nil {
			return err
		}
		*chained = true
	}
	if err := s.files.Rename(from, k.name); err != nil {
		return err
	}
	folder, _ := splitName(k.name)
	if err := errors.Join(s.files.SyncDir(folder), s.files.SyncDir(".")); err != nil {
		s.conf.Logger.Warn("the name of a segment may not be on the disk yet", "segment", k.name, "error", err)
	}
	if l.Event == Sealed { // else its packets may be of long ago
		k.sealed = s.conf.uptime()
	}
	s.w.catalog.add(*k)
	s.w.packing.add(k.name, l.Segment)
	return nil
}

// flushFault handles the fault of a flush: space may come, anything else ends the
// segment.
func (s *Store) flushFault(g *segment, err error) {
	if isFull(err) {
		if !s.makeRoom(4 * chunkSize) {
			s.setLevel(levelShort, "no space is left on the disk")
		}
		return
	}
	if g.faults++; g.faults < maxBreaks {
		s.bump(func(c *counters) { c.faults++ })
		return
	}
	s.breakOff(g, err)
}

// isFull reports whether an error says that there is no space.
func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// Faults: segments that end for them within a minute until the disk is taken for broken,
// and the time until the next try.
const (
	maxBreaks  = 3
	breaksIn   = time.Minute
	retryAfter = 30 * time.Second
)

// breakOff gives up a segment: what is on the disk of it is repaired once its last job
// is done.
func (s *Store) breakOff(g *segment, err error) {
	g.broken = true
	s.conf.Logger.Error("a segment ends early", "qube", g.qube, "file", g.name, "error", err)
	now := s.conf.Now()
	s.w.breaks = append(s.w.breaks, now)
	if n := len(s.w.breaks); n >= maxBreaks {
		if now.Sub(s.w.breaks[n-maxBreaks]) < breaksIn {
			s.w.retry = now.Add(retryAfter)
			s.setLevel(levelFailed, "the disk has faults: "+err.Error())
		}
		s.w.breaks = s.w.breaks[n-maxBreaks+1:]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.c.faults++
	if st := s.streams[g.iface]; st != nil && st.seg == g {
		s.seal(st, "fault")
	}
}

// discard drops what a job has of a segment that is broken, excluded or given up.
func (s *Store) discard(j *job) {
	g := j.seg
	s.drop(j)
	if j.seal == "" || g.file == nil {
		return
	}
	_ = g.file.Close()
	s.w.catalog.open -= g.allocated
	if !g.rescued {
		s.salvage(g)
	}
}

// drop counts the packets of such a job as lost or excluded, and gives back its memory.
func (s *Store) drop(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := j.seg
	to := &s.c.lostDisk
	if g.excluded {
		to = &s.c.excluded
	}
	drop := func(t *tally) {
		s.c.waiting.less(t)
		to.add(t.sum())
		*t = tally{}
	}
	if j.chunk != nil {
		drop(&j.chunk.tally)
		s.pool.give(j.chunk)
		j.chunk = nil
		s.notePressure()
	}
	if j.seal == "" {
		return
	}
	drop(&g.tailTally)
	drop(&g.inflight)
	if g.enc != nil {
		drop(&g.enc.promised[0].tally)
		drop(&g.enc.promised[1].tally)
	}
	s.stock.release(&g.notes)
}

// salvage makes a segment of what is on the disk of one that was given up. If that fails,
// too, the next start tries again.
func (s *Store) salvage(g *segment) {
	if s.isGone(g.name) {
		s.conf.Logger.Warn("somebody else has removed a file of packets while it was being filled", "qube", qubeOf(g.qube), "file", g.name)
		s.loseStored(g)
		return
	}
	s.w.opened = map[string]Line{openKey(g.name): {Name: s.sealedName(g), First: g.began}}
	defer func() { s.w.opened = nil }()
	if err := s.repair(g.name); err != nil {
		s.bump(func(c *counters) { c.damaged++ })
		s.conf.Logger.Error("a segment cannot be repaired now; the next start tries again", "file", g.name, "error", err)
	}
}
