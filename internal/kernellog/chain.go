package kernellog

import (
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// chain collects what the kernel writes of the extension headers of an IPv6 packet, and
// without PROTO= if it reads no further: at ESP, at a header that it does not know, and
// in later fragments.
type chain struct {
	begun   bool // the fixed header was read to its last word
	last    uint8
	known   bool   // last is a header
	lost    bool   // the packet ends in the headers
	unknown string // the words before this one: "Unknown Ext Hdr"
}

// The protocols of headers that the kernel writes by name.
const (
	protoFragment = 44
	protoAH       = 51
)

// word adds a word.
func (c *chain) word(word string) {
	switch {
	case strings.HasPrefix(word, "FLOWLBL="):
		c.begun = true
	case !c.begun:
	case word == "ESP":
		c.set(packet.ProtoESP)
	case word == "AH":
		c.set(protoAH)
	case strings.HasPrefix(word, "FRAG:"):
		c.set(protoFragment)
	case word == "TRUNCATED":
		c.lost = true
	case word == "Unknown" || word == "Ext" || word == "Hdr":
		c.unknown += word
	case c.unknown == "UnknownExtHdr":
		c.set(uint8(number(word, 8)))
		c.unknown = ""
	}
}

func (c *chain) set(proto uint8) { c.last, c.known = proto, true }

// proto returns the protocol of the last header. Without any, it is ESP, of which the
// kernel writes nothing unless the rule logs IP options.
func (c *chain) proto() uint8 {
	if !c.known && !c.lost {
		return packet.ProtoESP
	}
	return c.last
}
