package capture

import (
	"errors"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Frame is one captured frame. Data belongs to the source and is valid until the call of
// Next that follows the next frame without Held.
type Frame struct {
	Data      []byte
	Time      int64  // nanoseconds since the Unix epoch, never negative
	Length    uint32 // bytes on the wire; len(Data) may be less
	Iface     uint32 // see Source.Interfaces
	Direction packet.Direction
	Link      packet.Link
	EtherType uint16 // if not 0, Data starts with this network header and Link is not valid
	VLAN      uint16 // tag control information that the kernel removed from the frame
	VLANType  uint16 // type of that tag: 0x8100, or 0x88a8 for a service tag
	HasVLAN   bool
	Held      bool    // Data stays valid over the next call of Next, with that of the frames before
	Offload   Offload // of a live source: what the kernel or the device has left undone
}

// Decode decodes the headers of f into p.
func (f *Frame) Decode(p *packet.Packet) packet.Status {
	p.Time, p.Length, p.Iface, p.Direction = f.Time, f.Length, f.Iface, f.Direction
	if f.EtherType != 0 {
		return p.DecodeNetwork(f.EtherType, f.Data)
	}
	status := p.Decode(f.Link, f.Data)
	if f.HasVLAN {
		p.PushVLAN(f.VLAN)
	}
	return status
}

// Source delivers frames. It is not safe for concurrent use, except for Interfaces
// and Stats.
type Source interface {
	// Next fills f with the next frame. It returns io.EOF at the end, an error
	// wrapping ErrIdle if no frame has come for a while or a wait was ended (see
	// Waiter), one wrapping ErrAgain at the start of another pass (see Loop), and
	// any other error if the source has failed; frames delivered before are good.
	Next(f *Frame) error

	// Interfaces returns the names of the observation points of the frames.
	Interfaces() *Interfaces

	// Stats returns the counters so far.
	Stats() Stats

	// Close releases the resources. Next must not be called afterwards.
	Close() error
}

// ErrIdle is returned by Next if no frame has come for a while. It is not a fault.
var ErrIdle = errors.New("capture: no frame for now")

// Stats holds the counters of a source. A source leaves those at 0 that do not
// apply to it.
type Stats struct {
	Frames      uint64 // delivered by the kernel or read from the file
	KernelDrops uint64 // frames lost because the ring was full; of a file, as far as it counts them
	Freezes     uint64 // times the ring was full
	Skipped     uint64 // frames of unwanted interfaces that the kernel's filter let pass

	// Reliefs counts the times that the kernel was asked for less of each frame
	// because many were waiting to be read.
	Reliefs uint64

	// WatchFailures counts the errors of the goroutine that watches the
	// interfaces. While it fails, the kernel's filter may be out of date.
	WatchFailures uint64

	Bytes int64 // of the files, read so far
	Size  int64 // of the files; 0 if unknown
}

// maxTime keeps the sum of a packet time and any timeout inside an int64.
const maxTime = 1 << 62

// clampTime limits a time from a file to the range 0 to maxTime.
func clampTime(ns int64) int64 { return min(max(ns, 0), maxTime) }
