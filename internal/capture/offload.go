package capture

import "github.com/qubesbeat/qubesbeat/internal/packet"

// Offload says what of a frame is not as it is on the wire, because a device does it, or
// another qube's kernel. The bits are those of the kernel (TP_STATUS of if_packet.h).
type Offload uint16

// The bits of Offload.
const (
	ChecksumNotReady Offload = 0x008 // the checksum is computed later
	ChecksumValid    Offload = 0x080 // the checksum has been checked
	SegmentedTCP     Offload = 0x100 // the frame is sent as several TCP segments
	offloads                 = ChecksumNotReady | ChecksumValid | SegmentedTCP
)

// EPBFlags returns the flags of the frame in a pcapng file (epb_flags of
// draft-ietf-opsawg-pcapng section 4.3): the direction, and the Offload. Without
// ChecksumNotReady there, the checksum of each packet that a vif sends looks wrong.
func (f *Frame) EPBFlags() (flags uint32) {
	switch f.Direction {
	case packet.Inbound:
		flags = 1
	case packet.Outbound:
		flags = 2
	}
	for _, epb := range [...]struct {
		from Offload
		to   uint32
	}{{ChecksumNotReady, 1 << 9}, {ChecksumValid, 1 << 10}, {SegmentedTCP, 1 << 11}} {
		if f.Offload&epb.from != 0 {
			flags |= epb.to
		}
	}
	return flags
}
