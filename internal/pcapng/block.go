package pcapng

import "encoding/binary"

// The types of blocks.
const (
	TypeSection   = 0x0a0d0d0a
	TypeInterface = 1
	TypeNames     = 4
	TypeStats     = 5
	TypePacket    = 6 // an enhanced packet
)

// MaxSnap is the snap length of all interfaces. It is above any frame, and tcpdump
// refuses a file whose interfaces differ.
const MaxSnap = 262144

// MinBlock is the length of the shortest block: type, length and length again.
const MinBlock = 12

// The codes of options.
const (
	optEnd     = 0
	optComment = 1

	optProgram = 4

	optIfName        = 2 // of an interface
	optIfDescription = 3
	optIfIPv4        = 4
	optIfResolution  = 9
	optIfFilter      = 11

	optFlags     = 2 // of a packet
	optDropCount = 4

	optStart    = 2 // of statistics
	optEndTime  = 3
	optReceived = 4
	optDrop     = 5
)

var le = binary.LittleEndian

// begin appends the head of a block, whose length finish sets.
func begin(b []byte, kind uint32) []byte {
	return le.AppendUint32(le.AppendUint32(b, kind), 0)
}

// finish completes the block that starts at an offset of b.
func finish(b []byte, start int) []byte {
	n := uint32(len(b) - start + 4)
	le.PutUint32(b[start+4:], n)
	return le.AppendUint32(b, n)
}

// padding is what a value is followed by, up to a multiple of 4.
const padding = "\x00\x00\x00"

// pad appends zeros up to a multiple of 4 after a value of n bytes.
func pad(b []byte, n int) []byte { return append(b, padding[:-n&3]...) }

// text appends an option; nothing if value is empty. What exceeds the 65,535 bytes
// of an option is cut off.
func text(b []byte, code uint16, value string) []byte {
	if value == "" {
		return b
	}
	value = value[:min(len(value), 0xffff)]
	b = le.AppendUint16(le.AppendUint16(b, code), uint16(len(value)))
	return pad(append(b, value...), len(value))
}

// end appends the end of the options that begin at an offset of b, if there are any.
func end(b []byte, options int) []byte {
	if len(b) == options {
		return b
	}
	return le.AppendUint32(b, optEnd)
}

// timestamp appends a time in nanoseconds, the upper half first.
func timestamp(b []byte, at int64) []byte {
	return le.AppendUint32(le.AppendUint32(b, uint32(uint64(at)>>32)), uint32(at))
}
