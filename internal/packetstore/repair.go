package packetstore

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// damagedFolder holds segments whose head was lost.
const damagedFolder = "_damaged"

// repair makes a sealed segment of an open one that no process writes any more: up to
// the last packet that is whole. If there is none, the file is removed.
func (s *Store) repair(name string) error {
	f, err := s.files.Edit(name)
	if err != nil {
		return err
	}
	err = s.repairFile(name, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("repairing %s: %w", name, err)
	}
	return nil
}

func (s *Store) repairFile(name string, f file) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	if isEncrypted(name) {
		return s.repairEncrypted(name, f, size)
	}
	h, err := s.headOfFile(name, f, size)
	if err != nil {
		return err
	}
	final := segmentName(h.Folder, h.Boot, h.Sequence, h.First)
	if x, err := s.readIndex(indexName(final)); err == nil && x.size == size {
		return s.giveName(name, final, f, x)
	}
	sealed, err := s.asSealed(final, f, size)
	if err != nil {
		return err
	}
	g, err := scanSegment(f, h, s.conf.Segment.Age)
	defer g.release()
	if err != nil {
		return err
	}
	if g.packets == 0 {
		return s.files.Remove(name)
	}
	return s.complete(name, final, f, &g.segment, size, sealed)
}

// giveName gives its name to a segment that lacks nothing else.
func (s *Store) giveName(name, final string, f file, x *wholeIndex) error {
	sum, err := s.sumOf(f, x.size)
	if err != nil {
		return err
	}
	folder, _ := splitName(final)
	index := rounded(x.total())
	k := known{name: final, folder: folder, bytes: rounded(x.size) + index, index: index, packets: x.packets, first: x.first, last: x.last}
	chained := s.w.lines[final].there
	return s.publish(name, &k, &Line{Event: Repaired, Bytes: x.size, Segment: sum, Index: x.digest, Reason: sealLost}, &chained)
}

// complete ends the file of g behind its last packet, or where it was sealed, if that is not 0, and
// gives it index and name.
func (s *Store) complete(name, final string, f file, g *segment, size, sealed int64) error {
	lost := lostOf(f, size, g.packets)
	g.size = sealed
	if sealed == 0 {
		end := pcapng.AppendStats(nil, &pcapng.Stats{At: g.last, Start: g.first, End: g.last, Comment: "repaired"})
		g.size = g.end + int64(len(end))
		if _, err := f.WriteAt(end, g.end); err != nil {
			return err
		}
	}
	if err := errors.Join(f.Truncate(g.size), f.Sync()); err != nil {
		return err
	}
	sum, err := s.sumOf(f, g.size)
	if err != nil {
		return err
	}
	x := s.w.indexer.index(g, g.size, true)
	if err := s.writeIndex(indexName(final), x); err != nil {
		return err
	}
	index := rounded(int64(len(x)))
	k := known{name: final, folder: g.qube, bytes: rounded(g.size) + index, index: index, packets: g.packets, first: g.first, last: g.last}
	chained := false
	line := &Line{Event: Repaired, Bytes: g.size, Segment: sum, Index: digest(x), Reason: "not sealed"}
	s.compare(final, line)
	if err := s.publish(name, &k, line, &chained); err != nil {
		return err
	}
	s.bump(func(c *counters) { c.repaired++; c.lostCrash += lost; c.bytesCut += uint64(max(size-g.size, 0)) })
	return nil
}

// lostOf returns how many packets a file lacks that its last flush had counted. There is no
// count if the end of the file is damaged, or was written after the last flush.
func lostOf(f io.ReaderAt, size int64, have uint32) uint64 {
	const most = 3 * pageSize // that a flush writes behind the packets
	buf := make([]byte, min(size, most))
	n, err := f.ReadAt(buf, size-int64(len(buf)))
	if err != nil && err != io.EOF {
		return 0
	}
	for buf = buf[:n]; len(buf) >= pcapng.MinBlock; {
		at := len(buf) - int(min(le.Uint32(buf[len(buf)-4:]), most+1))
		if at < 0 || at > len(buf)-pcapng.MinBlock || le.Uint32(buf[at+4:]) != uint32(len(buf)-at) {
			return 0
		}
		b := pcapng.Block{Type: le.Uint32(buf[at:]), Length: len(buf) - at, Body: buf[at+8 : len(buf)-4], Order: le}
		var s pcapng.Stats
		if b.Stats(&s) != nil {
			return 0
		}
		if s.Counted {
			return s.Received - min(s.Received, uint64(have))
		}
		buf = buf[:at]
	}
	return 0
}

// sumOf returns the digest of a file, "" without Integrity.
func (s *Store) sumOf(f io.ReaderAt, size int64) (string, error) {
	if !s.conf.Integrity {
		return "", nil
	}
	return sumOfReader(io.NewSectionReader(f, 0, size))
}

// headOfFile returns the head of a segment. If its page was lost, another one is written,
// of an unknown client.
func (s *Store) headOfFile(name string, f file, size int64) (*head, error) {
	_, file := splitName("/" + name)
	boot, seq, ok := sequence(file)
	if !ok {
		return nil, fmt.Errorf("%s is no name of a segment", name)
	}
	h, err := parseHead(pcapng.NewScanner(io.NewSectionReader(f, 0, pageSize), 0))
	if err == nil && h.Boot == boot && h.Sequence == seq {
		return &h, nil
	}
	h = head{Store: 1, Folder: damagedFolder, Boot: boot, Sequence: seq, link: 1, holder: &Holder{Vif: "unknown"}}
	if size <= pageSize {
		return &h, nil // there is no packet
	}
	_, err = f.WriteAt(appendHead(nil, &h), 0)
	return &h, err
}

// headOfSealed returns the head of a sealed segment, which is not changed.
func (s *Store) headOfSealed(name string, f file) (*head, error) {
	h, err := parseHead(pcapng.NewScanner(io.NewSectionReader(f, 0, pageSize), 0))
	folder, _ := splitName(name)
	h.Folder = folder
	return &h, err
}

// scanSegment reads the packets of a segment up to the first that is not whole or too far
// away in time, and indexes them by what their headers say.
func scanSegment(f io.ReaderAt, h *head, age time.Duration) (*repaired, error) {
	r := &repaired{segment: segment{qube: h.Folder, link: h.link, end: pageSize}, stock: stock{limit: math.MaxInt}, flows: map[FlowInfo]uint32{}}
	in := bufio.NewReaderSize(io.NewSectionReader(f, pageSize, 1<<40), 1<<18)
	scan := pcapng.NewScanner(in, pageSize)
	far := int64(age + 24*time.Hour)
	var b pcapng.Block
	var p pcapng.Packet
	for {
		switch err := scan.Next(&b); {
		case err == io.EOF || errors.Is(err, pcapng.ErrDamaged):
			return r, nil
		case err != nil:
			return r, err
		case b.Type != pcapng.TypePacket:
			continue
		}
		if b.Packet(&p) != nil || p.Interface != 0 || r.packets >= maxPackets || r.packets > 0 && max(p.At-r.first, r.first-p.At) > far {
			return r, nil
		}
		r.add(&b, &p)
	}
}
