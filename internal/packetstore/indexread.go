package packetstore

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"sort"
	"time"
)

// index is an index on the disk. It believes nothing in it.
type index struct {
	indexHead
	in       io.ReaderAt
	buf      []byte  // of window entries
	verified [4]bool // parts whose sum is right
}

// openIndex reads the head of an index of size bytes.
func openIndex(in io.ReaderAt, size int64) (*index, error) {
	x := &index{in: in}
	b := make([]byte, headBytes)
	if _, err := io.ReadFull(io.NewSectionReader(in, 0, headBytes), b); err != nil {
		return nil, fmt.Errorf("%w: %w", errIndex, err)
	}
	return x, x.parse(b, size)
}

// flowRecord is a flow as an index describes it.
type flowRecord struct {
	FlowInfo
	first, last        int64
	packets, cut, lost uint64
	bytes              uint64
	positions          []uint32 // offsets / 4 in the segment
}

// window is how many entries of a table are read at once. Where a key is in a table of
// 64 Ki entries is known to ±128 by its value.
const window = 512

// search returns the first place in a table, which begins at an offset, whose number is
// not below number, and the entries from there on that were read with it.
func (x *index) search(at int64, number uint64) (place int, found table, err error) {
	n := int(x.flows)
	guess, _ := bits.Mul64(number, uint64(n)) // the numbers are evenly spread
	low, high, from := 0, n, int(guess)-window/2
	for low < high { // the place is from low to high
		from = max(0, min(from, n-window))
		w, err := x.entries(at, from, min(window, n-from))
		if err != nil {
			return 0, nil, err
		}
		switch end := from + w.len(); {
		case from > low && w.number(0) >= number:
			high = from
		case end < high && w.number(w.len()-1) < number:
			low = end
		default:
			i := sort.Search(w.len(), func(i int) bool { return w.number(i) >= number })
			return from + i, w[i*entryBytes:], nil
		}
		from = (low+high)/2 - window/2
	}
	w, err := x.entries(at, low, min(window, n-low))
	return low, w, err
}

// table is some entries of one of the two tables, as they are in the index.
type table []byte

func (t table) len() int            { return len(t) / entryBytes }
func (t table) number(i int) uint64 { return le.Uint64(t[i*entryBytes:]) }
func (t table) of(i int) uint32     { return le.Uint32(t[i*entryBytes+8:]) }

// entries reads n entries of the table at an offset. They are valid until the next call.
func (x *index) entries(at int64, from, n int) (table, error) {
	if x.buf == nil {
		x.buf = make([]byte, window*entryBytes)
	}
	b := x.buf[:n*entryBytes]
	if _, err := x.in.ReadAt(b, at+int64(from)*entryBytes); err != nil {
		return nil, fmt.Errorf("%w: %w", errIndex, err)
	}
	return b, nil
}

// byKey returns the flow with a key, nil if there is none.
func (x *index) byKey(key uint64) (*flowRecord, error) {
	if x.flows == 0 || x.repaired {
		return nil, nil
	}
	if err := x.verify(keysPart); err != nil {
		return nil, err
	}
	_, found, err := x.search(x.keysAt(), mix(key))
	if err != nil || found.len() == 0 || found.number(0) != mix(key) {
		return nil, err
	}
	return x.flow(key, found.of(0))
}

// byCommunity returns the flows with a Community ID. Together they have no more packets
// than a segment can have, or the index lies.
func (x *index) byCommunity(number uint64) (flows []*flowRecord, err error) {
	if x.flows == 0 {
		return nil, nil
	}
	if err := x.verify(idsPart); err != nil {
		return nil, err
	}
	packets := 0
	at, _, err := x.search(x.idsAt(), number)
	for ; err == nil && at < int(x.flows); at++ {
		e, err := x.entries(x.idsAt(), at, 1)
		if err != nil {
			return nil, err
		}
		if e.number(0) != number {
			break
		}
		f, err := x.number(int(e.of(0)))
		if err != nil {
			return nil, err
		}
		if packets += 1 + len(f.positions); packets > maxFlows+maxPackets {
			return nil, fmt.Errorf("%w: flows of more packets than a segment has", errIndex)
		}
		flows = append(flows, f)
	}
	return flows, err
}

// number returns the i-th flow in the order of the table by key.
func (x *index) number(i int) (*flowRecord, error) {
	if i < 0 || i >= int(x.flows) {
		return nil, fmt.Errorf("%w: flow %d of %d", errIndex, i, x.flows)
	}
	if err := x.verify(keysPart); err != nil {
		return nil, err
	}
	e, err := x.entries(x.keysAt(), i, 1)
	if err != nil {
		return nil, err
	}
	return x.flow(unmix(e.number(0)), e.of(0))
}

// flow reads the record of a flow at an offset of the last part.
func (x *index) flow(key uint64, offset uint32) (*flowRecord, error) {
	if err := x.verify(flowsPart); err != nil {
		return nil, err
	}
	for n := int64(512); ; n *= 16 {
		n = min(n, int64(x.flowBytes)-int64(offset))
		if n <= 0 {
			return nil, fmt.Errorf("%w: a flow outside of it", errIndex)
		}
		b := make([]byte, n)
		if _, err := x.in.ReadAt(b, x.flowsAt()+int64(offset)); err != nil {
			return nil, fmt.Errorf("%w: %w", errIndex, err)
		}
		f, ok := x.parseFlow(b)
		if f.Key = key; ok {
			return f, nil
		}
		if n == int64(x.flowBytes)-int64(offset) || n > maxIndex {
			return nil, fmt.Errorf("%w: the flow at %d is not whole", errIndex, offset)
		}
	}
}

// parseFlow parses a record, and reports whether b has all of it.
func (x *index) parseFlow(b []byte) (*flowRecord, bool) {
	f := new(flowRecord)
	n := 16
	if len(b) > 0 && b[0] == 4 {
		n = 4
	}
	if len(b) < 6+2*n {
		return f, false
	}
	var sl slot
	sl.family, sl.proto = b[0], b[1]
	copy(sl.source[:n], b[2:])
	copy(sl.dest[:n], b[2+n:])
	sl.srcPort, sl.dstPort = le.Uint16(b[2+2*n:]), le.Uint16(b[4+2*n:])
	f.FlowInfo = sl.info()
	d := varints{b: b[6+2*n:], ok: true}
	f.Born = x.first + d.signed()
	f.first = x.first + d.signed()
	f.last = f.first + d.signed()
	f.packets, f.bytes, f.cut, f.lost = d.next(), d.next(), d.next(), d.next()
	f.positions = d.positions(d.next())
	return f, d.ok
}

// varints reads numbers until ok is false.
type varints struct {
	b  []byte
	ok bool
}

func (d *varints) next() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.ok = false
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *varints) signed() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.ok = false
		return 0
	}
	d.b = d.b[n:]
	return v
}

// positions reads n positions as appendPositions writes them.
func (d *varints) positions(n uint64) (all []uint32) {
	if n > maxPackets {
		d.ok = false
		return nil
	}
	last, step := uint32(0), uint32(0)
	for d.ok && uint64(len(all)) < n {
		v := d.next()
		run := uint64(1)
		if v != 0 {
			step = uint32(v)
		} else if run = d.next(); run == 0 || run > n-uint64(len(all)) {
			d.ok = false
		}
		for ; d.ok && run > 0; run-- {
			last += step
			all = append(all, last)
		}
	}
	return all
}

// from returns where to begin reading the segment for packets from a time on.
func (x *index) from(at time.Time) (place int64, err error) {
	if x.marks == 0 || x.marks > 1<<20 {
		return 0, nil
	}
	if err := x.verify(marksPart); err != nil {
		return 0, err
	}
	b := make([]byte, int(x.marks)*markBytes)
	if _, err := x.in.ReadAt(b, x.marksAt()); err != nil {
		return 0, fmt.Errorf("%w: %w", errIndex, err)
	}
	mark := func(i int) (place, at int64) {
		m := b[i*markBytes:]
		after := int64(le.Uint32(m[4:])) | int64(le.Uint16(m[8:]))<<32
		return int64(le.Uint32(m)) * 4, x.first + after*1000
	}
	for i := range int(x.marks) { // the clock may have gone back; packets may be a little out of order: one stretch early
		if _, t := mark(i); t > at.UnixNano()-maxBackward {
			place, _ = mark(max(0, i-2))
			return place, nil
		}
	}
	place, _ = mark(max(0, int(x.marks)-2))
	return place, nil
}
