package dnscache

import "encoding/binary"

// queue is a ring of bytes that holds entries from the oldest to the newest. An
// entry never wraps around: what is left at the end is skipped.
type queue struct {
	buf        []byte
	head, tail int // of the newest's end and of the oldest's begin, as totals
	skip       int // total at which the last round of the ring ended early, -1 before
}

// Offsets in the header of an entry.
const (
	atSize     = 0  // uint32: of all of it
	atKeyLen   = 4  // uint16
	atTTLs     = 6  // uint16: how many TTLs
	atHash     = 8  // uint64
	atStored   = 16 // int64: seconds
	atTTL      = 24 // uint32: for how long it is good
	atMsgLen   = 28 // uint16
	atFlags    = 30 // uint8
	atUses     = 31 // uint8: since it entered the queue, up to 3
	atVettedBy = 32 // uint64: see [Entry.VettedBy]
	headerLen  = 40
	ownerLen   = 8 // at the end of an entry, where a hit does not pass by
)

// room returns where n bytes can be written and whether they can without
// removing the oldest entry.
func (q *queue) room(n int) (at int, ok bool) {
	size := len(q.buf)
	at = q.head
	if left := size - q.head%size; left < n {
		at += left
	}
	return at, at+n-q.tail <= size
}

// push makes n bytes at what room returned the newest entry.
func (q *queue) push(at, n int) []byte {
	if at != q.head {
		q.skip = q.head
	}
	q.head = at + n
	p := at % len(q.buf)
	return q.buf[p : p+n]
}

// oldest returns the oldest entry, nil if there is none.
func (q *queue) oldest() []byte {
	if q.tail == q.skip && q.tail != q.head {
		q.tail += len(q.buf) - q.tail%len(q.buf)
	}
	if q.tail >= q.head {
		return nil
	}
	return q.at(q.tail % len(q.buf))
}

// at returns the entry that begins at an offset of buf.
func (q *queue) at(p int) []byte {
	n := int(binary.LittleEndian.Uint32(q.buf[p:]))
	return q.buf[p : p+n]
}

// pop removes the oldest entry.
func (q *queue) pop() { q.tail += int(binary.LittleEndian.Uint32(q.buf[q.tail%len(q.buf):])) }
