package verify

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// holderSlots is how many addresses of qubes are remembered. It is a power of two.
const holderSlots = 256

// holders remembers whose addresses are, where vifs have no names: packets of one qube come
// again and again, and a search by address and then by name costs more than all else. What
// it knows holds for a second.
type holders [holderSlots]holder

// holder is the subject that has an address.
type holder struct {
	addr    packet.Addr
	family  uint8
	subject *subject // nil for an empty slot
}

// slot returns the place of an address.
func (h *holders) slot(a *packet.Addr) *holder {
	n := binary.LittleEndian.Uint32(a[:]) ^ binary.LittleEndian.Uint32(a[12:])
	return &h[n*0x9e3779b1>>24&(holderSlots-1)]
}

// find returns the subject of an address, nil if it is not remembered.
func (h *holders) find(a *packet.Addr, family uint8) *subject {
	if one := h.slot(a); one.subject != nil && one.addr == *a && one.family == family {
		return one.subject
	}
	return nil
}

// keep remembers the subject of an address.
func (h *holders) keep(a *packet.Addr, family uint8, s *subject) {
	*h.slot(a) = holder{*a, family, s}
}
