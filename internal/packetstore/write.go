package packetstore

import (
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// create makes the file of a segment and writes its first page. What is done already is
// not done again.
func (s *Store) create(g *segment) error {
	if g.file == nil {
		f, err := s.createFile(g)
		if err != nil {
			return err
		}
		g.file = f
		if s.conf.Integrity {
			g.sum = newSum()
		}
	}
	if g.done > 0 {
		return nil
	}
	if len(s.recipients) > 0 {
		return s.createEncrypted(g)
	}
	page := s.w.scratch[:pageSize]
	appendHead(page[:0], s.headOf(g))
	if err := s.put(g, page, 0); err != nil {
		return err
	}
	g.addSum(page)
	g.done = pageSize
	return nil
}

func (s *Store) createFile(g *segment) (file, error) {
	for attempt := 0; ; attempt++ {
		if attempt > 0 { // a file that a user has made
			s.mu.Lock()
			s.seq++
			g.seq = s.seq
			s.mu.Unlock()
		}
		g.name = openName(g.holder.Vif, s.conf.boot, g.seq) + s.suffix()
		f, err := s.files.Create(g.name)
		if errors.Is(err, fs.ErrExist) && attempt < 1000 {
			continue
		}
		return f, err
	}
}

func (g *segment) addSum(b []byte) {
	if g.sum != nil {
		_, _ = g.sum.Write(b) // never fails
	}
}

// sumText returns the digest of what was written; "" without Integrity.
func (g *segment) sumText() string {
	if g.sum == nil {
		return ""
	}
	return g.sum.text()
}

// writePages writes the complete pages of a chunk that are not in the file yet.
func (s *Store) writePages(g *segment, c *chunk) error {
	return s.writeUpTo(g, c.buf, c.base, c.base+int64(c.n&^(pageSize-1)))
}

// writeUpTo writes the pages up to an offset in the file, of which buf has those from
// base on.
func (s *Store) writeUpTo(g *segment, buf []byte, base, to int64) error {
	if to <= g.done {
		if g.enc != nil {
			return s.putEncrypted(g, nil)
		}
		return nil
	}
	b := buf[g.done-base : to-base]
	if g.enc != nil {
		return s.putEncrypted(g, b)
	}
	if err := s.put(g, b, g.done); err != nil {
		return err
	}
	g.addSum(b)
	g.done = to
	return nil
}

// put writes pages.
func (s *Store) put(g *segment, b []byte, at int64) error {
	s.reserve(g, at+int64(len(b)))
	start := time.Now()
	n, err := g.file.WriteAt(b, at)
	s.w.slowest = max(s.w.slowest, time.Since(start))
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// Steps in which the disk space of a segment is reserved: a quiet qube takes little.
const (
	firstReserve = 1 << 20
	mostReserve  = 16 << 20
)

// reserve reserves disk space up to an offset. Should there be none, older segments are
// removed, and if that does not help, the write says so.
func (s *Store) reserve(g *segment, to int64) {
	if to <= g.allocated {
		return
	}
	next := max(to, min(g.allocated+max(firstReserve, min(g.allocated, mostReserve)), s.conf.Segment.Bytes))
	s.w.catalog.open += next - g.allocated
	g.allocated = next
	s.retain(false)
	if g.file.Allocate(next) != nil && s.makeRoom(next-g.done) {
		_ = g.file.Allocate(next)
	}
}

// flush writes what has come since the last time, so that every file is valid for every
// reader at every moment.
func (s *Store) flush() {
	for _, st := range s.allStreams() {
		s.mu.Lock()
		g := st.seg
		s.mu.Unlock()
		if g == nil || g.seen.IsZero() || g.broken {
			continue
		}
		if s.resolve(g, false); !g.resolved || g.excluded {
			continue
		}
		if err := s.flushSegment(st, g); err != nil {
			s.flushFault(g, err)
		}
	}
}

// flushSegment writes what has come to a segment that is being filled. Nothing that is in the
// file is changed by it, so that a reader that is in the middle of it is not led astray.
func (s *Store) flushSegment(st *stream, g *segment) error {
	if err := s.create(g); err != nil {
		return err
	}
	c, end, tail := s.snapshot(st, g)
	if end == g.flushed {
		return nil
	}
	if c != nil {
		if err := s.writeUpTo(g, c.buf, c.base, end&^(pageSize-1)); err != nil {
			return err
		}
	}
	if g.enc == nil && len(tail) > 0 {
		if err := s.putTail(g, tail, end&^(pageSize-1)); err != nil {
			return err
		}
	}
	g.flushed = end
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credit(g, &g.inflight, end)
	return nil
}

// putTail writes what there is of a page that is not complete.
func (s *Store) putTail(g *segment, tail []byte, at int64) error {
	s.reserve(g, at+pageSize)
	n, err := g.file.WriteTail(tail, at)
	if err == nil && n < len(tail) {
		err = io.ErrShortWrite
	}
	return err
}

// snapshot returns the chunk that is being filled, where it ends now, and a copy of the
// page that is not complete. More than that page is padded, so that one write takes all to the
// end of a block. It takes over the account of the packets up to there. A chunk to which
// nothing was added since the last flush is given back.
func (s *Store) snapshot(st *stream, g *segment) (c *chunk, end int64, tail []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.seg != g || s.pending(g) {
		return nil, g.flushed, nil // it is written by a job, which comes before this
	}
	c = g.chunk
	if g.end == g.flushed && c != nil {
		g.keepTail()
		s.pool.give(c)
		s.notePressure()
		return nil, g.end, nil
	}
	if c != nil && g.end > g.done+pageSize && g.enc == nil && g.end%pageSize != 0 {
		g.noteCount(c, s.conf.Now().UnixNano())
		g.pad()
	}
	end = g.end
	if c == nil {
		tail = s.w.scratch[:copy(s.w.scratch, g.tail[:end%pageSize])]
		g.inflight.merge(&g.tailTally)
	} else {
		tail = s.w.scratch[:copy(s.w.scratch, c.buf[c.n&^(pageSize-1):c.n])]
		g.inflight.merge(&c.tally)
		c.tally = tally{}
	}
	g.page, g.tailTally = tally{}, tally{}
	return c, end, tail
}

// noteCount appends how many packets the file has now, so that after a crash it is known how many
// are not there.
func (g *segment) noteCount(c *chunk, at int64) {
	b := pcapng.AppendStats(c.buf[:c.n:chunkFull], &pcapng.Stats{At: at, Counted: true, Received: uint64(g.packets)})
	if len(b) <= chunkFull { // else it is not in the chunk
		g.end += int64(len(b) - c.n)
		c.n = len(b)
	}
}

// pending reports whether the writer has a job for a segment.
func (s *Store) pending(g *segment) bool {
	for _, j := range s.jobs {
		if j.seg == g {
			return true
		}
	}
	return false
}
