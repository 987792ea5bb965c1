package resolver

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// special is how a name of special use is answered.
type special uint8

const (
	ordinary   special = iota
	loopback           // localhost
	absent             // does not exist
	noData             // exists, without anything
	canary             // does not exist, so that a program turns its own DNS off
	nat64              // ipv4only.arpa (RFC 8880)
	widespread         // absent, unless turned off
)

// specialNames are the names of IANA's registry of special-use names that a
// resolver is not to ask others for, and those by which programs find out
// whether they may go around it. The names stand for all below them, but for the
// canaries.
var specialNames = wireNames(map[string]special{
	"localhost": loopback, "invalid": absent, "test": absent, "local": absent, "onion": absent, "alt": absent, // RFC 6761, 6762, 7686, 9476
	"home.arpa": absent, "ipv4only.arpa": nat64, "resolver.arpa": noData, // RFC 8375, 8880, 9462
	"10.in-addr.arpa": absent, "168.192.in-addr.arpa": absent, "254.169.in-addr.arpa": absent, "127.in-addr.arpa": absent, // RFC 6303
	"0.in-addr.arpa": absent, "2.0.192.in-addr.arpa": absent, "100.51.198.in-addr.arpa": absent, "113.0.203.in-addr.arpa": absent,
	"255.255.255.255.in-addr.arpa": absent, "d.f.ip6.arpa": absent, "8.e.f.ip6.arpa": absent, "9.e.f.ip6.arpa": absent,
	"a.e.f.ip6.arpa": absent, "b.e.f.ip6.arpa": absent, "8.b.d.0.1.0.0.2.ip6.arpa": absent,
	"0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa": absent,
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa": absent,
	"16.172.in-addr.arpa": absent, "17.172.in-addr.arpa": absent, "18.172.in-addr.arpa": absent, "19.172.in-addr.arpa": absent,
	"20.172.in-addr.arpa": absent, "21.172.in-addr.arpa": absent, "22.172.in-addr.arpa": absent, "23.172.in-addr.arpa": absent,
	"24.172.in-addr.arpa": absent, "25.172.in-addr.arpa": absent, "26.172.in-addr.arpa": absent, "27.172.in-addr.arpa": absent,
	"28.172.in-addr.arpa": absent, "29.172.in-addr.arpa": absent, "30.172.in-addr.arpa": absent, "31.172.in-addr.arpa": absent,
	"intranet": widespread, "internal": widespread, "private": widespread, "corp": widespread, "home": widespread, "lan": widespread, // RFC 6762 appendix G
	"use-application-dns.net": canary, "mask.icloud.com": canary, "mask-h2.icloud.com": canary, // Firefox, iCloud Private Relay
})

// specialTops are the last labels of those, so that most names are done with one
// look.
var specialTops = func() map[string]bool {
	tops := map[string]bool{}
	for name := range specialNames {
		tops[string(lastLabel([]byte(name)))] = true
	}
	return tops
}()

func wireNames(texts map[string]special) map[string]special {
	names := make(map[string]special, len(texts))
	for text, kind := range texts {
		wire, err := dnsmsg.ParseName(nil, text)
		if err != nil {
			panic("resolver: " + err.Error())
		}
		names[string(wire)] = kind
	}
	return names
}

// lastLabel returns the last label of a name, with its length and the root.
func lastLabel(name []byte) []byte {
	for next := dnsmsg.Parent(name); len(next) > 1; next = dnsmsg.Parent(next) {
		name = next
	}
	return name
}

// specialOf returns how a name is special. The longest name of the registry that
// it is, or is below, decides.
func specialOf(name []byte) special {
	if !specialTops[string(lastLabel(name))] {
		return ordinary
	}
	for whole := true; len(name) > 1; name, whole = dnsmsg.Parent(name), false {
		if kind, ok := specialNames[string(name)]; ok && (whole || kind != canary) {
			return kind
		}
	}
	return ordinary
}

// homeArpa is home.arpa in wire form.
const homeArpa = "\x04home\x04arpa\x00"

// specialTTL is how long our word on special names holds: they never change, but
// the configuration may.
const specialTTL = 3600

// special answers names of special use by itself.
func (s *Resolver) special(r *request, dst []byte) (msg []byte, ok bool) {
	if !r.snap.Special {
		return nil, false
	}
	kind := specialOf(r.q.Lower())
	if kind == ordinary || kind == widespread && !r.snap.Widespread {
		return nil, false
	}
	if r.q.Type == dnsmsg.TypeDS && string(r.q.Lower()) == homeArpa {
		return nil, false // RFC 8375 section 4: the proof that it is unsigned comes from above
	}
	r.out.Action, r.out.From, r.out.Match, r.out.EDE = Local, FromSpecial, MatchSpecial, dnsmsg.EDESynthesized
	switch kind {
	case loopback:
		if r.q.Type == dnsmsg.TypeA || r.q.Type == dnsmsg.TypeAAAA {
			return s.addresses(r, dst, loopbackAddrs, specialTTL, false), true
		}
		return s.negative(r, dst, dnsmsg.NoError, specialTTL), true
	case nat64:
		if r.q.Type == dnsmsg.TypeA && dnsmsg.Labels(r.q.Lower()) == 2 {
			return s.addresses(r, dst, nat64Addrs, specialTTL, false), true
		}
		return s.negative(r, dst, dnsmsg.NoError, specialTTL), true
	case noData:
		return s.negative(r, dst, dnsmsg.NoError, specialTTL), true
	case canary:
		r.out.Match = MatchCanary
	}
	return s.negative(r, dst, dnsmsg.NXDomain, specialTTL), true
}

var (
	loopbackAddrs = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	nat64Addrs    = []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 0, 170}), netip.AddrFrom4([4]byte{192, 0, 0, 171})}
)
