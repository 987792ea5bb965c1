package analyzer

import (
	"reflect"
	"unsafe"

	"github.com/elastic/beats/v7/libbeat/common"

	"github.com/qubesbeat/qubesbeat/internal/feed"
)

// pending watches the requests that an analyzer keeps while they wait for a
// response. The analyzers do not bound them: a flood of requests without responses
// would fill the memory within the ten seconds that each is kept. If too many
// wait, packets of the busiest interfaces are refused.
type pending struct {
	caches  []*common.Cache
	full    bool // packets are refused
	checked int  // packets since the caches were counted

	window, before span
	started        int64 // packet time at which window starts
}

// span counts the packets of a span of time.
type span struct {
	packets map[uint32]int // by interface
	total   int
	bytes   int // of payload
	largest int // payload
}

const (
	pendingSpan  = int64(10e9) // protos.DefaultTransactionExpiration
	pendingEvery = 64          // packets between two counts of the caches
	pendingCost  = 2 << 10     // bytes of a request without its payload: decoded fields, map slots
)

func newPending(plugin any) *pending {
	return &pending{caches: caches(reflect.ValueOf(plugin), 2)}
}

// refuses counts a packet and reports whether there is no room for it. budget is in
// bytes.
func (n *pending) refuses(p *feed.Packet, budget int) bool {
	n.count(p)
	if n.checked++; n.checked >= pendingEvery {
		n.checked, n.full = 0, n.held() > budget
	}
	if !n.full {
		return false
	}
	busy := max(len(n.window.packets), 1)
	return n.window.packets[p.Iface] >= n.window.total/busy
}

// size returns how many requests wait.
func (n *pending) size() (total int) {
	for _, c := range n.caches {
		total += c.Size()
	}
	return total
}

// held returns the most that the requests can hold, in bytes: a fixed cost for each,
// and their payloads, both decoded and raw. The payloads cannot exceed what came
// in the last two spans, nor the largest one for each request.
func (n *pending) held() int {
	size := n.size()
	payload := min(size*max(n.window.largest, n.before.largest), n.window.bytes+n.before.bytes)
	return size*pendingCost + 2*payload
}

func (n *pending) count(p *feed.Packet) {
	if n.window.packets == nil || p.Time-n.started > pendingSpan || p.Time < n.started-pendingSpan {
		n.before, n.window, n.started = n.window, span{packets: map[uint32]int{}}, p.Time
	}
	n.window.packets[p.Iface]++
	n.window.total++
	n.window.bytes += len(p.Payload)
	n.window.largest = max(n.window.largest, len(p.Payload))
}

// caches returns the caches that an analyzer holds in its structs, down to a depth.
// They are not exported; a test checks that those of the pinned version are found.
func caches(v reflect.Value, depth int) (found []*common.Cache) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct || !v.CanAddr() {
		return nil
	}
	for i := range v.NumField() {
		field := v.Field(i)
		switch {
		case field.Type() == reflect.TypeFor[*common.Cache]():
			if c := *(**common.Cache)(unsafe.Pointer(field.UnsafeAddr())); c != nil {
				found = append(found, c)
			}
		case depth > 1 && field.Kind() == reflect.Struct:
			found = append(found, caches(field, depth-1)...)
		}
	}
	return found
}
