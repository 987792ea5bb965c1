package verify

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// External is an address under which others see a qube, as its user says or as a server has told
// it. No verdict rests on it: the qube and the server may say what they like.
type External struct {
	Qube    string     `json:"qube"`
	Address netip.Addr `json:"ip"`
	Method  string     `json:"method"` // claim; or as seen: stun, dns, or resolver, whose address it is
	At      time.Time  `json:"at"`
	// Split says that another method has told another address of the family at about that time.
	Split bool `json:"split,omitempty"`
}

// externals are the last such addresses: one of each qube, method and family.
type externals map[externalKey]External

type externalKey struct {
	qube, method string
	six          bool
}

// maxExternals bounds them.
const maxExternals = 512

// add remembers an address. With too many, the oldest goes.
func (x *externals) add(e External) {
	key := e.key()
	if _, ok := (*x)[key]; !ok && len(*x) >= maxExternals {
		oldest := slices.MinFunc(x.list(), func(a, b External) int { return a.At.Compare(b.At) })
		delete(*x, oldest.key())
	}
	if *x == nil {
		*x = externals{}
	}
	(*x)[key] = e
}

func (e *External) key() externalKey { return externalKey{e.Qube, e.Method, e.Address.Is6()} }

// list returns the addresses by qube.
func (x *externals) list() []External {
	list := slices.AppendSeq(make([]External, 0, len(*x)), maps.Values(*x))
	sortExternals(list)
	return list
}

func sortExternals(list []External) {
	slices.SortFunc(list, func(a, b External) int {
		return cmp.Or(cmp.Compare(a.Qube, b.Qube), a.Address.Compare(b.Address), cmp.Compare(a.Method, b.Method))
	})
}

// Claim notes the address under which a qube says that others see it: one of each family, which
// need not be attached here. With too many, the oldest goes.
func (v *Verifier) Claim(qube string, a netip.Addr, at time.Time) {
	v.claims.add(External{Qube: qube, Address: a.Unmap().WithZone(""), Method: "claim", At: at})
}

// Externals returns what was claimed, by qube.
func (v *Verifier) Externals() []External { return v.claims.list() }
