package packetstore

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// retain removes what the limits do not allow. aged says whether age is looked at.
func (s *Store) retain(aged bool) bool {
	if aged {
		s.dropMissing()
	}
	b := s.bounds()
	if aged {
		b.old = s.tooOld()
	}
	return s.evict(choose(s.holdings(), b))
}

// makeRoom removes segments until n bytes are free, and reports whether it removed any.
func (s *Store) makeRoom(n int64) bool {
	s.packLater()
	b := s.bounds()
	b.lacking = max(b.lacking, n)
	before := s.w.catalog.count
	return s.evict(choose(s.holdings(), b)) && s.w.catalog.count < before
}

// bounds returns those of the settings, and what the file system has.
func (s *Store) bounds() bounds {
	c := &s.w.catalog
	b := bounds{total: c.bytes + c.open, most: s.conf.MaxBytes, segments: c.count - maxSegments}
	if free, err := s.files.Free(); err == nil {
		b.lacking = s.conf.MinFree - free
	}
	return b
}

// holdings returns what every qube has.
func (s *Store) holdings() []holding {
	open := map[string]int64{}
	s.mu.Lock()
	for _, st := range s.streams {
		if g := st.seg; g != nil && g.resolved {
			open[g.qube] += g.allocated
			s.w.spare(g)
		}
	}
	s.mu.Unlock()
	all := make([]holding, 0, len(s.w.catalog.shelves))
	now := s.conf.Now().UnixNano()
	for folder, sh := range s.w.catalog.shelves {
		all = append(all, holding{folder: folder, segs: sh.segs, bytes: sh.bytes + open[folder], limits: s.conf.Limits(qubeOf(folder)), spared: s.w.spares(folder, now)})
	}
	return all
}

// evict removes segments, and reports whether that was possible. Of very many it leaves some to the next turn.
func (s *Store) evict(victims []victim) bool {
	if s.w.more = len(victims) > mostRemoved; s.w.more {
		victims = victims[:mostRemoved]
	}
	for _, v := range victims {
		k := s.w.catalog.shelves[v.folder].segs[0]
		if err := s.remove(&k, Evicted, v.reason); err != nil {
			s.bump(func(c *counters) { c.faults++ })
			s.w.full = fmt.Sprintf("a segment cannot be removed: %v", err)
			return false
		}
		s.w.catalog.removeOldest(v.folder)
		s.dropEmpty(v.folder)
		s.bump(func(c *counters) {
			c.evicted.add(count{uint64(k.packets), uint64(k.bytes)})
			switch v.reason {
			case forAge:
				c.evictedAge++
			case forQuota:
				c.evictedQuota++
			case forGone:
				c.forgotten++
			default:
				c.evictedSpace++
			}
		})
	}
	s.w.full = ""
	return true
}

// dropEmpty removes the folder of a qube of which there is no segment, if nothing else is in it: each
// disposable has one.
func (s *Store) dropEmpty(folder string) {
	if s.w.catalog.shelves[folder] == nil {
		_ = s.files.Remove(folder)
	}
}

// remove writes the line that says why a segment is removed, and removes it with its
// index. A crash in between is made up for at the next start. Where the disk has no room
// for the line, the segment makes some. What somebody else has removed gets no line.
func (s *Store) remove(k *known, event, reason string) error {
	line := &Line{At: s.conf.Now(), Event: event, Name: k.name, Bytes: k.bytes, Packets: k.packets, First: k.first, Last: k.last, Reason: reason}
	if plainName(k.name) == s.w.packing.of.name {
		s.packEnd()
	}
	if s.w.condemned == k.name { // could not be removed before
		return removeFiles(s.files, k.name)
	}
	if s.isGone(plainName(k.name)) && s.isGone(packedName(k.name)) {
		return removeFiles(s.files, k.name)
	}
	err := s.w.chain.append(line)
	if err != nil && !isFull(err) {
		return err
	}
	if err == nil {
		s.w.condemned = k.name
	}
	if err := removeFiles(s.files, k.name); err != nil || s.w.condemned == k.name {
		return err
	}
	if err := s.w.chain.append(line); !isFull(err) {
		return err
	}
	return nil
}

// removeFiles removes a segment and its index. That they are gone already is no error.
func removeFiles(f files, name string) error {
	for _, name := range []string{plainName(name), packedName(name), partial(name), indexName(name)} { // all but one while it is being compressed
		if err := f.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// clock is wall time and time since the start of the machine at a moment.
type clock struct {
	wall time.Time
	boot time.Duration
}

// maxStep is how far the wall clock may move against the machine's before ages are not
// believed.
const maxStep = time.Hour

// tooOld returns what says whether a segment is too old; nil if the clock has just been
// set, or age does not matter.
func (s *Store) tooOld() func(*known) bool {
	now := clock{s.conf.Now(), s.conf.uptime()}
	last := s.w.looked
	s.w.looked = now
	if s.conf.MaxAge <= 0 {
		return nil
	}
	if step := now.wall.Sub(last.wall) - (now.boot - last.boot); !last.wall.IsZero() && step.Abs() > maxStep {
		s.conf.Logger.Warn("the clock was set: no packets are removed for their age until the next look", "by", step)
		return nil
	}
	return func(k *known) bool {
		age := now.wall.Sub(time.Unix(0, k.last))
		if k.sealed > 0 { // of this process: the clock that no one sets has a say
			age = min(age, now.boot-k.sealed+s.conf.Segment.Age)
		}
		return age > s.conf.MaxAge
	}
}

// ageEvery is how often the age of segments is looked at.
const ageEvery = time.Minute

// tend looks at the disk once in a flush interval.
func (s *Store) tend() {
	now := s.conf.Now()
	s.mu.Lock()
	s.watches.expire(now.UnixNano(), nil)
	s.mu.Unlock()
	if s.w.looked.wall.IsZero() || now.Sub(s.w.looked.wall).Abs() >= ageEvery || s.w.more {
		s.retain(true)
	} else if s.w.stale {
		s.retain(false)
	}
	s.w.stale = false
	if err := s.w.chain.trim(); err != nil {
		s.conf.Logger.Warn("the chain is too long", "error", err)
	}
	free, err := s.files.Free()
	if err == nil && free < s.conf.MinFree {
		s.retain(false)
		free, err = s.files.Free()
	}
	s.setLevel(s.levelFor(free, err, now))
}

// levelFor returns the level for the free space, and why it is not levelRunning.
func (s *Store) levelFor(free int64, err error, now time.Time) (level, string) {
	c := &s.w.catalog
	switch {
	case now.Before(s.w.retry):
		return levelFailed, "the disk has faults"
	case err != nil:
		return levelFull, "the free space is not known: " + err.Error()
	case s.w.stuck:
		return levelShort, "no space is left on the disk"
	case s.w.full != "":
		return levelFull, s.w.full
	case free < s.conf.MinFree/4:
		return levelFull, "less than a quarter of min_free is left"
	case free < s.conf.MinFree:
		return levelShort, "less than min_free is left"
	case c.bytes+c.open > s.conf.MaxBytes && !s.w.more: // else there is more to remove that is sealed
		s.mu.Lock()
		s.sealOne(func(a, b *segment) bool { return a.allocated > b.allocated }, "max_bytes")
		s.mu.Unlock()
		return levelShort, "open segments take more than max_bytes"
	}
	return levelRunning, ""
}

// setLevel changes the level, and logs a change.
func (s *Store) setLevel(l level, why string) {
	s.mu.Lock()
	was := s.level
	if was != levelClosed {
		s.level, s.why = l, why
	}
	s.mu.Unlock()
	if was == l || was == levelClosed {
		return
	}
	if l == levelRunning {
		s.conf.Logger.Info("packets are stored again", "was", was.String())
		return
	}
	s.conf.Logger.Warn("packets are not stored as asked for", "state", l.String(), "reason", why)
}
