package geoip

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// The number of addresses in [recent]: 8192, in 256 KiB.
const (
	setBits = 11 // of the number of sets
	ways    = 4  // addresses of a set
)

// recent has the places of addresses that were looked up lately, for most flows go to few of
// them. Addresses whose set is full replace each other, so that its memory does not grow
// whatever they are.
type recent struct {
	sets [1 << setBits]set
	next uint8                           // of a full set, which address is replaced
	addr [1 << setBits][ways]packet.Addr // of keys that are not the address itself
}

// set is a cache line: the meter leaves little of the cache to others, and to fetch a line
// is most of what a lookup takes.
type set struct {
	keys   [ways]uint64 // 0 if there is no address yet
	places [ways]*event.Place
}

// notPublic is the place of addresses that are not looked up.
var notPublic = new(event.Place)

// find returns where the place of an address is, whose family is 4 or 6. If it is not known,
// it is to be filled in.
func (r *recent) find(a *packet.Addr, family uint8) (place **event.Place, found bool) {
	key := uint64(binary.LittleEndian.Uint32(a[:4]))<<8 | uint64(family)
	if family != 4 {
		key = (binary.LittleEndian.Uint64(a[:8])*0x9e3779b97f4a7c15^binary.LittleEndian.Uint64(a[8:]))<<8 | uint64(family)
	}
	n := key * 0xc2b2ae3d27d4eb4f >> (64 - setBits)
	s := &r.sets[n]
	for i, k := range s.keys {
		if k == key && (family == 4 || r.addr[n][i] == *a) {
			return &s.places[i], true
		}
	}
	r.next++
	i := r.next % ways
	s.keys[i], r.addr[n][i] = key, *a
	return &s.places[i], false
}
