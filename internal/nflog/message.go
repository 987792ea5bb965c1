package nflog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"

	"github.com/mdlayher/netlink"
)

// Message is one logged packet. Its slices refer to the buffer that it was read from.
type Message struct {
	Prefix  []byte // of the rule, verbatim
	Hook    uint8  // NF_INET_*: 0 prerouting, 1 input, 2 forward, 3 output, 4 postrouting
	In, Out uint32 // indices of the interfaces, 0 for none
	Payload []byte // from the IP header on, up to the rule's snaplen
	Seq     uint32 // number of the message in its group
	Time    int64  // when the packet came, in nanoseconds since 1970, 0 if the kernel did not stamp it
}

// The attributes of a packet (linux/netfilter/nfnetlink_log.h).
const (
	attrHeader  = 1
	attrTime    = 3
	attrIn      = 4
	attrOut     = 5
	attrPayload = 9
	attrPrefix  = 10
	attrSeq     = 12
)

// sizeofGen is the size of struct nfgenmsg, which precedes the attributes.
const sizeofGen = 4

var errMessage = errors.New("nflog: truncated message or invalid length")

// parse parses the body of a netlink message. The slices of m refer to data.
func (m *Message) parse(data []byte) error {
	*m = Message{}
	if len(data) < sizeofGen {
		return errMessage
	}
	for rest := data[sizeofGen:]; len(rest) >= 4; {
		size, kind := int(netlinkOrder.Uint16(rest)), netlinkOrder.Uint16(rest[2:])&attrMask
		if size < 4 || size > len(rest) {
			return errMessage
		}
		m.set(kind, rest[4:size])
		rest = rest[min(len(rest), (size+3)&^3):]
	}
	if len(m.Payload) == 0 {
		return errMessage
	}
	return nil
}

// attrMask removes the flags NLA_F_NESTED and NLA_F_NET_BYTEORDER.
const attrMask = 0x3fff

// netlinkOrder is the byte order of lengths and types: the machine's own. The
// values of this protocol are big-endian.
var netlinkOrder = binary.NativeEndian

// set sets the field of an attribute. Unknown and short attributes are ignored.
func (m *Message) set(kind uint16, value []byte) {
	switch {
	case kind == attrHeader && len(value) >= 3:
		m.Hook = value[2]
	case kind == attrTime && len(value) >= 16:
		m.Time = stamp(binary.BigEndian.Uint64(value), binary.BigEndian.Uint64(value[8:]))
	case kind == attrIn && len(value) >= 4:
		m.In = binary.BigEndian.Uint32(value)
	case kind == attrOut && len(value) >= 4:
		m.Out = binary.BigEndian.Uint32(value)
	case kind == attrPayload:
		m.Payload = value
	case kind == attrPrefix:
		m.Prefix, _, _ = bytes.Cut(value, []byte{0})
	case kind == attrSeq && len(value) >= 4:
		m.Seq = binary.BigEndian.Uint32(value)
	}
}

// stamp returns a time in nanoseconds, 0 if it is out of range.
func stamp(seconds, micros uint64) int64 {
	if seconds > math.MaxUint32 || micros >= 1e6 {
		return 0
	}
	return int64(seconds*1e9 + micros*1e3)
}

// isPacket reports whether a message of the subsystem ULOG contains a packet.
func isPacket(h netlink.Header) bool { return h.Type == subsystem<<8|msgPacket }

const (
	subsystem = 4 // NFNL_SUBSYS_ULOG
	msgPacket = 0
	msgConfig = 1
)
