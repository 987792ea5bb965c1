package verify

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// seenKey is for what one address that was seen is remembered.
type seenKey struct {
	qube, method string
	six          bool
}

// seenAs notes the address that a server has told a qube: one of each family and method. With too
// many, the oldest goes.
func (v *Verifier) seenAs(qube string, a netip.Addr, method string, at int64) {
	key := seenKey{qube, method, a.Is6()}
	if _, ok := v.seen[key]; !ok && len(v.seen) >= maxClaims {
		oldest := key
		for k, e := range v.seen {
			if oldest == key || e.At.Before(v.seen[oldest].At) {
				oldest = k
			}
		}
		delete(v.seen, oldest)
	}
	if v.seen == nil {
		v.seen = map[seenKey]External{}
	}
	v.seen[key] = External{Qube: qube, Address: a, Method: method, At: stamp(at)}
}

// external returns what was claimed and what was seen, by qube, and where they do not agree.
func (v *Verifier) external() []External {
	list := v.Externals()
	for _, e := range v.seen {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b External) int {
		return cmp.Or(cmp.Compare(a.Qube, b.Qube), a.Address.Compare(b.Address), cmp.Compare(a.Method, b.Method))
	})
	for i := range list {
		list[i].Split = slices.ContainsFunc(list, func(e External) bool { return split(&list[i], &e, time.Duration(v.window)) })
	}
	return list
}

// split reports whether two addresses of a qube show that it leaves by two exits: they are of one
// family and about one time. Which resolver asks for it is another question.
func split(a, b *External, within time.Duration) bool {
	return a.Qube == b.Qube && a.Address != b.Address && a.Address.Is6() == b.Address.Is6() && a.Method != "resolver" && b.Method != "resolver" &&
		a.At.Sub(b.At).Abs() <= within
}
