package packetstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// errIndex is wrapped by all errors about the content of an index.
var errIndex = errors.New("damaged index")

// Sizes of the parts of an index.
const (
	headBytes  = 128
	entryBytes = 12 // of a table: a sorted number, and where the flow is
	markBytes  = 10 // place / 4, and the time in microseconds since the first packet
)

// maxIndex bounds an index: 64 Ki flows with the longest record, and 256 Ki positions.
const maxIndex = headBytes + maxFlows*(2*entryBytes+160) + maxPackets*10 + 16<<20

// indexHead is the beginning of an index, and all that is known of a segment without a
// look at its flows.
type indexHead struct {
	flows, packets, unindexed uint32
	lost, cut                 uint32 // packets
	first, last               int64  // times of packets, Unix nanoseconds
	size                      int64  // of the segment
	marks                     uint32
	flowBytes                 uint32
	sums                      [4]uint32 // CRC-32C of the parts: by key, by Community ID, times, flows
	link                      uint16
	repaired                  bool // the keys of its flows are not known
	blind                     bool // nothing is known of the packets: the segment is encrypted and was repaired
}

var (
	le     = binary.LittleEndian
	crcTab = crc32.MakeTable(crc32.Castagnoli)
)

const (
	indexMagic   = "QBPI"
	indexVersion = 1
)

// append appends the head.
func (h *indexHead) append(b []byte) []byte {
	start := len(b)
	b = append(b, indexMagic...)
	for _, n := range []uint32{indexVersion, h.flows, h.packets, h.unindexed, h.lost, h.cut, h.marks, h.flowBytes, h.sums[0], h.sums[1], h.sums[2], h.sums[3]} {
		b = le.AppendUint32(b, n)
	}
	b = le.AppendUint64(le.AppendUint64(le.AppendUint64(b, uint64(h.first)), uint64(h.last)), uint64(h.size))
	b = le.AppendUint16(b, h.link)
	b = append(b, flag(h.repaired), flag(h.blind))
	b = append(b, make([]byte, headBytes-4-(len(b)-start))...)
	return le.AppendUint32(b, crc32.Checksum(b[start:], crcTab))
}

func flag(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// parse reads a head, and checks that its parts have size bytes together with it.
func (h *indexHead) parse(b []byte, size int64) error {
	if len(b) < headBytes || string(b[:4]) != indexMagic || le.Uint32(b[4:]) != indexVersion {
		return fmt.Errorf("%w: no head", errIndex)
	}
	if crc32.Checksum(b[:headBytes-4], crcTab) != le.Uint32(b[headBytes-4:]) {
		return fmt.Errorf("%w: the sum of the head is wrong", errIndex)
	}
	for i, to := range []*uint32{&h.flows, &h.packets, &h.unindexed, &h.lost, &h.cut, &h.marks, &h.flowBytes, &h.sums[0], &h.sums[1], &h.sums[2], &h.sums[3]} {
		*to = le.Uint32(b[8+4*i:])
	}
	h.first, h.last, h.size = int64(le.Uint64(b[52:])), int64(le.Uint64(b[60:])), int64(le.Uint64(b[68:]))
	h.link, h.repaired, h.blind = le.Uint16(b[76:]), b[78] == 1, b[79] == 1
	if h.flows > maxFlows || h.flowsAt()+int64(h.flowBytes) != size {
		return fmt.Errorf("%w: the parts do not fill it", errIndex)
	}
	return nil
}

// Offsets of the parts.
func (h *indexHead) keysAt() int64  { return headBytes }
func (h *indexHead) idsAt() int64   { return h.keysAt() + int64(h.flows)*entryBytes }
func (h *indexHead) marksAt() int64 { return h.idsAt() + int64(h.flows)*entryBytes }
func (h *indexHead) flowsAt() int64 { return h.marksAt() + int64(h.marks)*markBytes }
func (h *indexHead) partAt() [5]int64 {
	return [5]int64{h.keysAt(), h.idsAt(), h.marksAt(), h.flowsAt(), h.flowsAt() + int64(h.flowBytes)}
}

// total returns the size of the index.
func (h *indexHead) total() int64 { return h.flowsAt() + int64(h.flowBytes) }

// Parts of an index, as sums has them.
const (
	keysPart = iota
	idsPart
	marksPart
	flowsPart
)

// check compares the sums of all parts of a whole index.
func (h *indexHead) check(b []byte) error {
	at := h.partAt()
	if int64(len(b)) != at[4] {
		return fmt.Errorf("%w: %d bytes; want %d", errIndex, len(b), at[4])
	}
	for i, sum := range h.sums {
		if crc32.Checksum(b[at[i]:at[i+1]], crcTab) != sum {
			return fmt.Errorf("%w: the sum of part %d is wrong", errIndex, i)
		}
	}
	return nil
}

// mix spreads keys evenly over all numbers, so that the place of one in the table can be
// computed. It is the finalizer of SplitMix64, and reversible.
func mix(k uint64) uint64 {
	k = (k ^ k>>30) * 0xbf58476d1ce4e5b9
	k = (k ^ k>>27) * 0x94d049bb133111eb
	return k ^ k>>31
}

// unmix is the inverse of mix.
func unmix(k uint64) uint64 {
	k = (k ^ k>>31 ^ k>>62) * 0x319642b2d24d8ec3
	k = (k ^ k>>27 ^ k>>54) * 0x96de1b173f119089
	return k ^ k>>30 ^ k>>60
}
