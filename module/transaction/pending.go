package transaction

import (
	"reflect"
	"unsafe"

	"github.com/elastic/beats/v7/libbeat/common"

	"github.com/qubesbeat/qubesbeat/internal/feed"
)

// pending watches the requests that an analyzer keeps while they wait for an
// answer. The analyzers put no bound to them: questions without answers, at the
// rate of a flood, would fill the memory within the ten seconds that each is
// kept. Where too many wait, packets are refused, those of the busiest
// interfaces only.
type pending struct {
	caches  []*common.Cache
	over    bool
	checked int // packets since the last look

	window, before span
	started        int64 // packet time at which window began
}

// span counts what came in a span of time.
type span struct {
	packets map[uint32]int // by interface
	total   int
	bytes   int // of payload
	largest int // payload
}

const (
	pendingSpan  = int64(10e9) // protos.DefaultTransactionExpiration
	pendingEvery = 64          // packets between two looks at the caches
	pendingCost  = 2 << 10     // of a request, beside its payload: decoded fields, map slots
)

func newPending(plugin any) *pending {
	return &pending{caches: caches(reflect.ValueOf(plugin), 2)}
}

// refuses notes a packet and reports whether there is no room for it.
func (n *pending) refuses(p *feed.Packet, budget int) bool {
	n.note(p)
	if n.checked++; n.checked >= pendingEvery {
		n.checked, n.over = 0, n.held() > budget
	}
	if !n.over {
		return false
	}
	busy := max(len(n.window.packets), 1)
	return n.window.packets[p.Iface] >= n.window.total/busy
}

// size is how many requests wait.
func (n *pending) size() (total int) {
	for _, c := range n.caches {
		total += c.Size()
	}
	return total
}

// held is the most that the requests can hold: what each costs by itself, and
// their payloads, decoded and as they came. Those are no more than what has come
// of late, nor than the largest of it for each request.
func (n *pending) held() int {
	size := n.size()
	payload := min(size*max(n.window.largest, n.before.largest), n.window.bytes+n.before.bytes)
	return size*pendingCost + 2*payload
}

func (n *pending) note(p *feed.Packet) {
	if n.window.packets == nil || p.Time-n.started > pendingSpan || p.Time < n.started-pendingSpan {
		n.before, n.window, n.started = n.window, span{packets: map[uint32]int{}}, p.Time
	}
	n.window.packets[p.Iface]++
	n.window.total++
	n.window.bytes += len(p.Payload)
	n.window.largest = max(n.window.largest, len(p.Payload))
}

// caches returns the caches that an analyzer holds, down to some depth. They are
// not exported; a test holds that those of the pinned analyzers are found.
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
