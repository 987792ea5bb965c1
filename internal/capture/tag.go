package capture

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// tagLen is the length of a VLAN tag and tagAt its place in an Ethernet frame, in bytes.
const (
	tagLen = 4
	tagAt  = 12
)

// untagged reports whether the kernel has taken a tag off that belongs into Data, as
// libpcap puts it back.
func (f *Frame) untagged() bool {
	return f.HasVLAN && f.EtherType == 0 && f.Link == packet.LinkEthernet && len(f.Data) >= tagAt
}

// taggedLen returns the length of the frame as copyTagged writes it.
func (f *Frame) taggedLen() int {
	if f.untagged() {
		return len(f.Data) + tagLen
	}
	return len(f.Data)
}

// copyTagged copies the beginning of the frame to b, with its tag where it was on the
// wire. b must not be longer than taggedLen.
func (f *Frame) copyTagged(b []byte) {
	if !f.untagged() {
		copy(b, f.Data)
		return
	}
	var head [tagAt + tagLen]byte
	copy(head[:], f.Data[:tagAt])
	binary.BigEndian.PutUint16(head[tagAt:], f.VLANType)
	binary.BigEndian.PutUint16(head[tagAt+2:], f.VLAN)
	n := copy(b, head[:])
	copy(b[n:], f.Data[tagAt:])
}

// Tagged returns the frame as it was on the wire: Data, or the beginning of buf if the
// kernel has taken a tag off. buf must have 4 bytes more than Data.
func (f *Frame) Tagged(buf []byte) []byte {
	if !f.untagged() {
		return f.Data
	}
	b := buf[:f.taggedLen()]
	f.copyTagged(b)
	return b
}

// FileLink returns the link type of the frame in a file.
func (f *Frame) FileLink() packet.Link {
	if f.EtherType != 0 {
		return packet.LinkRaw
	}
	return f.Link
}
