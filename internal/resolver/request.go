package resolver

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/dnsserver"
	"github.com/qubesbeat/qubesbeat/internal/localdata"
)

// request is a query and what is known of its answer so far. A session uses one
// for all its queries; a job copies Arrival and decided as a whole, so that no
// field can be forgotten.
type request struct {
	dnsserver.Arrival
	decided
	q      dnsmsg.Query // refers to the memory of the message
	out    dnsevent.Outcome
	entry  dnscache.Entry // of the answer, if it came from the cache or an upstream
	keyBuf [keyHead + dnsmsg.MaxName]byte
}

// decided is what was decided about a query without an upstream. It is reset as a
// whole for each query.
type decided struct {
	snap     *live
	client   *dnspolicy.Client
	peer     *peer
	zone     *Zone              // nil for none
	allowed  bool               // by a list
	dangling []localdata.Record // local aliases that lead to a name that is not local
}

// keyHead is the length of a cache key before the name: the view, the isolated
// qube, the flags, class and type, and the generation of the rules.
const keyHead = 2 + 8 + 1 + 2 + 2 + 2

// flagsAt is the offset of the flags in a cache key.
const flagsAt = 2 + 8

// Flags of a cache key.
const (
	keyDO      = 1
	keyCD      = 2
	keyFailure = 0x80 // the entry is the failure of the upstreams, not an answer
)

// key returns the cache key of the request: all that answers can differ by. It is
// valid until the next call.
func (r *request) key() []byte {
	k := r.keyBuf[:keyHead]
	view := uint16(r.client.Policy.Upstream)
	if r.zone != nil {
		view |= zoneView
	}
	binary.BigEndian.PutUint16(k, view)
	binary.BigEndian.PutUint64(k[2:], r.client.Isolation)
	k[flagsAt] = 0
	if r.q.DO {
		k[flagsAt] |= keyDO
	}
	if r.q.Flags&dnsmsg.FlagCD != 0 {
		k[flagsAt] |= keyCD
	}
	binary.BigEndian.PutUint16(k[11:], uint16(r.q.Class))
	binary.BigEndian.PutUint16(k[13:], uint16(r.q.Type))
	binary.BigEndian.PutUint16(k[15:], r.snap.generation)
	return append(k, r.q.Lower()...)
}

// zoneView marks the view of a zone. The client's group of upstreams is part of
// the key all the same: it is asked about aliases that lead out of the zone.
const zoneView = 0x8000

// limit returns the size of the largest answer that the client can take, in bytes.
func (r *request) limit() int {
	if r.TCP {
		return 65535
	}
	return int(min(r.q.UDPSize, maxUDP))
}

// maxUDP is the size of the largest answer over UDP, in bytes: it needs no
// fragments (DNS flag day 2020), and leaves little to amplify.
const maxUDP = 1232

// now returns the time of arrival in seconds since the Unix epoch.
func (r *request) now() int64 { return r.At / 1e9 }
