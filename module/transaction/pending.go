package transaction

import (
	"reflect"
	"unsafe"

	"github.com/elastic/beats/v7/libbeat/common"

	"github.com/qubesbeat/qubesbeat/internal/tap"
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
	largest int // bytes of payload
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
func (n *pending) refuses(p *tap.Packet, budget int) bool {
	n.note(p)
	if n.checked++; n.checked >= pendingEvery {
		n.checked, n.over = 0, n.size()*n.cost() > budget
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

// cost is the most that a request can hold, judged by the largest of late.
func (n *pending) cost() int { return pendingCost + max(n.window.largest, n.before.largest) }

func (n *pending) note(p *tap.Packet) {
	if n.window.packets == nil || p.Time-n.started > pendingSpan || p.Time < n.started-pendingSpan {
		n.before, n.window, n.started = n.window, span{packets: map[uint32]int{}}, p.Time
	}
	n.window.packets[p.Iface]++
	n.window.total++
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
