package capture

import (
	"fmt"
	"math/bits"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// ngInterface holds what the packets of an interface have in common, from its
// Interface Description Block.
type ngInterface struct {
	id      uint32
	link    packet.Link
	snaplen uint32
	offset  int64  // seconds to add to every time
	units   uint64 // per second, a power of ten; 0 if shift is used
	shift   uint   // units per second is 1<<shift

	dropped uint64 // packets lost, as its packets say
	counted uint64 // the same, as its statistics say
}

// Option codes of an Interface Description Block (section 4.2).
const (
	optionName     = 2
	optionTSResol  = 9
	optionTSOffset = 14
)

// addInterface reads an Interface Description Block.
func (n *ngReader) addInterface(b []byte) error {
	if len(b) < 8 {
		return n.damaged("an interface block that is too short")
	}
	if len(n.ifaces) >= maxSectionInterfaces {
		return n.damaged(fmt.Sprintf("more than %d interfaces in a section", maxSectionInterfaces))
	}
	i := ngInterface{link: packet.Link(n.u16(b)), snaplen: n.u32(b[4:]), units: 1e6}
	options := b[8:]
	i.id = n.names.ID(printable(n.option(options, optionName)))
	if v := n.option(options, optionTSResol); len(v) == 1 {
		i.resolution(v[0])
	}
	if v := n.option(options, optionTSOffset); len(v) == 8 {
		i.offset = n.i64(v)
	}
	n.ifaces = append(n.ifaces, i)
	return nil
}

func (n *ngReader) i64(b []byte) int64 {
	first, second := uint64(n.u32(b)), uint64(n.u32(b[4:]))
	if n.big {
		return int64(first<<32 | second)
	}
	return int64(second<<32 | first)
}

// resolution sets the unit of times: 10^-v seconds, or 2^-v if the top bit is set.
// A unit that is too fine is replaced by the finest that fits.
func (i *ngInterface) resolution(v byte) {
	if v&0x80 != 0 {
		i.units, i.shift = 0, min(uint(v&0x7f), 63)
		return
	}
	i.units = 1
	for ; v > 0 && i.units < 1e18; v-- {
		i.units *= 10
	}
}

// time converts a timestamp of this interface to nanoseconds since the epoch.
func (i *ngInterface) time(ts uint64) int64 {
	var sec, nano uint64
	if i.units > 0 {
		sec = ts / i.units
		hi, lo := bits.Mul64(ts%i.units, 1e9)
		nano, _ = bits.Div64(hi, lo, i.units)
	} else {
		sec = ts >> i.shift
		hi, lo := bits.Mul64(ts&(1<<i.shift-1), 1e9)
		nano = hi<<(64-i.shift) | lo>>i.shift
	}
	// Seconds beyond maxTime are cut before they are multiplied.
	const most = maxTime / 1_000_000_000
	s := int64(min(sec, most)) + min(max(i.offset, -most), most)
	return clampTime(min(max(s, 0), most)*1e9 + int64(nano))
}

func (i *ngInterface) fill(f *Frame) {
	f.Iface, f.Link = i.id, i.link
}

// iface returns the interface with that number in the section.
func (n *ngReader) iface(index uint32) (*ngInterface, error) {
	if uint64(index) >= uint64(len(n.ifaces)) {
		return nil, n.damaged(fmt.Sprintf("a packet of interface %d, which was not described", index))
	}
	return &n.ifaces[index], nil
}

// option returns the value of the first option with that code, or nil. An option
// that extends beyond the end counts as the end of the options.
func (n *ngReader) option(b []byte, code uint16) []byte {
	for len(b) >= 4 {
		c, length := n.u16(b), int(n.u16(b[2:]))
		padded := (length + 3) &^ 3
		if c == 0 || 4+length > len(b) {
			return nil
		}
		if c == code {
			return b[4 : 4+length]
		}
		b = b[min(4+padded, len(b)):]
	}
	return nil
}

// printable returns an interface name that is safe to print and to send: at most
// 64 bytes, without control characters.
func printable(b []byte) string {
	b = b[:min(len(b), 64)]
	out := make([]byte, 0, len(b))
	for _, c := range b {
		if c >= ' ' && c < 0x7f {
			out = append(out, c)
		}
	}
	return string(out)
}
