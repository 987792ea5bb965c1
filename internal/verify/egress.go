package verify

import (
	"cmp"
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

// claimKey is for what one claim is remembered.
type claimKey struct {
	qube string
	six  bool
}

// maxClaims bounds the claims that are remembered.
const maxClaims = 512

// Claim notes the address under which a qube says that others see it: one of each family, which
// need not be attached here. With too many, the oldest goes.
func (v *Verifier) Claim(qube string, a netip.Addr, at time.Time) {
	a = a.Unmap().WithZone("")
	key := claimKey{qube, a.Is6()}
	if _, ok := v.claims[key]; !ok && len(v.claims) >= maxClaims {
		oldest := slices.MinFunc(v.Externals(), func(a, b External) int { return a.At.Compare(b.At) })
		delete(v.claims, claimKey{oldest.Qube, oldest.Address.Is6()})
	}
	if v.claims == nil {
		v.claims = map[claimKey]External{}
	}
	v.claims[key] = External{Qube: qube, Address: a, Method: "claim", At: at}
}

// Externals returns what was claimed, by qube.
func (v *Verifier) Externals() []External {
	list := make([]External, 0, len(v.claims))
	for _, c := range v.claims {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b External) int { return cmp.Or(cmp.Compare(a.Qube, b.Qube), a.Address.Compare(b.Address)) })
	return list
}
