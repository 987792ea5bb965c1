package resolver

import (
	"encoding/binary"
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
)

// request is a query on its way. A reader has one and uses it for every query
// that it answers by itself.
type request struct {
	q     dnsmsg.Query
	from  netip.AddrPort
	local netip.AddrPort // where it was sent to
	iface uint32         // index of the interface, 0 where not known
	tcp   bool
	at    int64 // when it came: nanoseconds since the Unix epoch
	size  int   // of the message

	snap   *live
	client *dnspolicy.Client
	peer   *peer
	zone   *Zone       // nil for none
	allow  bool        // a list allows the name
	leaves []ownRecord // aliases of the configuration that lead out of it
	out    Outcome
	keyBuf [keyHead + dnsmsg.MaxName]byte
	entry  dnscache.Entry
}

// keyHead is the part of a key before the name: the view, the isolated qube,
// the flags, class and type, and the configuration.
const keyHead = 2 + 8 + 1 + 2 + 2 + 2

// key returns the key of the request in the cache: what else than the name makes
// two answers different ones.
func (r *request) key() []byte {
	k := r.keyBuf[:keyHead]
	view := uint16(r.client.Policy.Upstream)
	if r.zone != nil {
		view |= zoneView
	}
	binary.BigEndian.PutUint16(k, view)
	binary.BigEndian.PutUint64(k[2:], r.client.Isolation)
	k[10] = 0
	if r.q.DO {
		k[10] |= 1
	}
	if r.q.Flags&dnsmsg.FlagCD != 0 {
		k[10] |= 2
	}
	binary.BigEndian.PutUint16(k[11:], uint16(r.q.Class))
	binary.BigEndian.PutUint16(k[13:], uint16(r.q.Type))
	binary.BigEndian.PutUint16(k[15:], r.snap.generation)
	return append(k, r.q.Lower()...)
}

// zoneView tells the views of zones from others. The group of the client is part
// of it all the same: it is asked where an alias leads out of the zone.
const zoneView = 0x8000

// limit is the largest answer that the client can take.
func (r *request) limit() int {
	if r.tcp {
		return 65535
	}
	return int(min(r.q.UDPSize, maxUDP))
}

// maxUDP is the largest answer over UDP: no fragments (DNS flag day 2020), and
// little to amplify.
const maxUDP = 1232

// now returns the time of the query in seconds.
func (r *request) now() int64 { return r.at / 1e9 }
