package verify

import (
	"net/netip"
	"slices"
	"time"
)

// seenAs notes the address that a server has told a qube.
func (v *Verifier) seenAs(qube string, a netip.Addr, method string, at int64) {
	v.seen.add(External{Qube: qube, Address: a, Method: method, At: stamp(at)})
}

// external returns what was claimed and what was seen, by qube, and where they do not agree.
func (v *Verifier) external() []External {
	list := append(v.claims.list(), v.seen.list()...)
	sortExternals(list)
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
