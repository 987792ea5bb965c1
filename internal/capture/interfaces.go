package capture

import (
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// maxInterfaces bounds the names that are kept. A qube gets a new interface with
// each start; the name is needed until its last flow has been reported.
const maxInterfaces = 8192

// Interfaces maps the numbers of observation points to names. The zero value is
// empty and ready for use. It is safe for concurrent use; Name takes no lock.
type Interfaces struct {
	mu    sync.Mutex
	ids   map[string]uint32
	names atomic.Pointer[map[uint32]string]
}

// Name returns the name of an observation point, or "" if it has none.
func (n *Interfaces) Name(id uint32) string {
	if m := n.names.Load(); m != nil {
		return (*m)[id]
	}
	return ""
}

// Set names an observation point that the kernel has numbered.
func (n *Interfaces) Set(id uint32, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.set(id, name)
}

// ID returns the number of the observation point with that name, a new one if the
// name is new. The empty name is number 0, and so is every name
// beyond the bound. It is for sources that
// number their interfaces themselves.
func (n *Interfaces) ID(name string) uint32 {
	if name == "" {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	id, ok := n.ids[name]
	if ok || len(n.ids) >= maxInterfaces {
		return id
	}
	if n.ids == nil {
		n.ids = make(map[string]uint32)
	}
	id = uint32(len(n.ids) + 1)
	n.ids[name] = id
	n.set(id, name)
	return id
}

// set stores a copy with the name in it, so that readers need no lock.
func (n *Interfaces) set(id uint32, name string) {
	next := map[uint32]string{}
	if m := n.names.Load(); m != nil {
		next = maps.Clone(*m)
	}
	if _, known := next[id]; !known && len(next) >= maxInterfaces {
		forgetOldest(next)
	}
	next[id] = name
	n.names.Store(&next)
}

// forgetOldest deletes the lower half of the numbers: the kernel counts upwards.
func forgetOldest(names map[uint32]string) {
	ids := slices.Sorted(maps.Keys(names))
	for _, id := range ids[:len(ids)/2] {
		delete(names, id)
	}
}

// HasVif reports whether a vif of that Xen domain is among the names.
func (n *Interfaces) HasVif(domid int32) bool {
	m := n.names.Load()
	return m != nil && hasVif(maps.Values(*m), domid)
}

// hasVif reports whether a vif of a Xen domain is among names.
func hasVif(names iter.Seq[string], domid int32) bool {
	prefix := "vif" + strconv.Itoa(int(domid)) + "."
	for name := range names {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
