package localdata

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// use is how a name of special use is answered.
type use uint8

const (
	ordinary   use = iota
	loopback       // localhost
	absent         // does not exist
	noData         // exists, without anything
	canary         // does not exist, so that a program turns its own DNS off
	nat64          // ipv4only.arpa (RFC 8880)
	pointer        // the reverse name of a loopback address
	between        // exists without anything, as names above a pointer do; what is below does not exist
	privateTLD     // absent, unless the network uses such names
)

// specialNames are the names of IANA's registry of special-use names that a
// resolver must not ask an upstream for, and the canaries: names by which programs
// find out whether they may bypass the resolver. All but the canaries stand for
// the names below them, too.
var specialNames = wireNames(map[string]use{
	"localhost": loopback, "invalid": absent, "test": absent, "local": absent, "onion": absent, "alt": absent, // RFC 6761, 6762, 7686, 9476
	"home.arpa": absent, "ipv4only.arpa": nat64, "resolver.arpa": noData, // RFC 8375, 8880, 9462
	"10.in-addr.arpa": absent, "168.192.in-addr.arpa": absent, "254.169.in-addr.arpa": absent, "127.in-addr.arpa": between, // RFC 6303
	"0.in-addr.arpa": absent, "2.0.192.in-addr.arpa": absent, "100.51.198.in-addr.arpa": absent, "113.0.203.in-addr.arpa": absent,
	"1.0.0.127.in-addr.arpa": pointer, "0.0.127.in-addr.arpa": between, "0.127.in-addr.arpa": between, // RFC 6303 section 3
	"255.255.255.255.in-addr.arpa": absent, "d.f.ip6.arpa": absent, "8.e.f.ip6.arpa": absent, "9.e.f.ip6.arpa": absent,
	"a.e.f.ip6.arpa": absent, "b.e.f.ip6.arpa": absent, "8.b.d.0.1.0.0.2.ip6.arpa": absent,
	"0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa": absent,
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa": pointer,
	// RFC 7793
	"64.100.in-addr.arpa": absent, "65.100.in-addr.arpa": absent, "66.100.in-addr.arpa": absent, "67.100.in-addr.arpa": absent,
	"68.100.in-addr.arpa": absent, "69.100.in-addr.arpa": absent, "70.100.in-addr.arpa": absent, "71.100.in-addr.arpa": absent,
	"72.100.in-addr.arpa": absent, "73.100.in-addr.arpa": absent, "74.100.in-addr.arpa": absent, "75.100.in-addr.arpa": absent,
	"76.100.in-addr.arpa": absent, "77.100.in-addr.arpa": absent, "78.100.in-addr.arpa": absent, "79.100.in-addr.arpa": absent,
	"80.100.in-addr.arpa": absent, "81.100.in-addr.arpa": absent, "82.100.in-addr.arpa": absent, "83.100.in-addr.arpa": absent,
	"84.100.in-addr.arpa": absent, "85.100.in-addr.arpa": absent, "86.100.in-addr.arpa": absent, "87.100.in-addr.arpa": absent,
	"88.100.in-addr.arpa": absent, "89.100.in-addr.arpa": absent, "90.100.in-addr.arpa": absent, "91.100.in-addr.arpa": absent,
	"92.100.in-addr.arpa": absent, "93.100.in-addr.arpa": absent, "94.100.in-addr.arpa": absent, "95.100.in-addr.arpa": absent,
	"96.100.in-addr.arpa": absent, "97.100.in-addr.arpa": absent, "98.100.in-addr.arpa": absent, "99.100.in-addr.arpa": absent,
	"100.100.in-addr.arpa": absent, "101.100.in-addr.arpa": absent, "102.100.in-addr.arpa": absent, "103.100.in-addr.arpa": absent,
	"104.100.in-addr.arpa": absent, "105.100.in-addr.arpa": absent, "106.100.in-addr.arpa": absent, "107.100.in-addr.arpa": absent,
	"108.100.in-addr.arpa": absent, "109.100.in-addr.arpa": absent, "110.100.in-addr.arpa": absent, "111.100.in-addr.arpa": absent,
	"112.100.in-addr.arpa": absent, "113.100.in-addr.arpa": absent, "114.100.in-addr.arpa": absent, "115.100.in-addr.arpa": absent,
	"116.100.in-addr.arpa": absent, "117.100.in-addr.arpa": absent, "118.100.in-addr.arpa": absent, "119.100.in-addr.arpa": absent,
	"120.100.in-addr.arpa": absent, "121.100.in-addr.arpa": absent, "122.100.in-addr.arpa": absent, "123.100.in-addr.arpa": absent,
	"124.100.in-addr.arpa": absent, "125.100.in-addr.arpa": absent, "126.100.in-addr.arpa": absent, "127.100.in-addr.arpa": absent,
	// RFC 6303
	"16.172.in-addr.arpa": absent, "17.172.in-addr.arpa": absent, "18.172.in-addr.arpa": absent, "19.172.in-addr.arpa": absent,
	"20.172.in-addr.arpa": absent, "21.172.in-addr.arpa": absent, "22.172.in-addr.arpa": absent, "23.172.in-addr.arpa": absent,
	"24.172.in-addr.arpa": absent, "25.172.in-addr.arpa": absent, "26.172.in-addr.arpa": absent, "27.172.in-addr.arpa": absent,
	"28.172.in-addr.arpa": absent, "29.172.in-addr.arpa": absent, "30.172.in-addr.arpa": absent, "31.172.in-addr.arpa": absent,
	"intranet": privateTLD, "internal": privateTLD, "private": privateTLD, "corp": privateTLD, "home": privateTLD, "lan": privateTLD, // RFC 6762 appendix G
	"use-application-dns.net": canary, "mask.icloud.com": canary, "mask-h2.icloud.com": canary, // Firefox, iCloud Private Relay
})

// specialTops are the last labels of those, so that one lookup is enough for most
// names.
var specialTops = func() map[string]bool {
	tops := map[string]bool{}
	for name := range specialNames {
		tops[string(lastLabel([]byte(name)))] = true
	}
	return tops
}()

func wireNames(texts map[string]use) map[string]use {
	names := make(map[string]use, len(texts))
	for text, kind := range texts {
		wire, err := dnsmsg.ParseName(nil, text)
		if err != nil {
			panic("localdata: " + err.Error())
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

// useOf returns the special use of a name: that of the longest name in the
// registry that it equals or is below.
func useOf(name []byte) use {
	if !specialTops[string(lastLabel(name))] {
		return ordinary
	}
	for whole := true; len(name) > 1; name, whole = dnsmsg.Parent(name), false {
		switch kind, ok := specialNames[string(name)]; {
		case ok && !whole && (kind == pointer || kind == between):
			return absent
		case ok && (whole || kind != canary):
			return kind
		}
	}
	return ordinary
}

// homeArpa is home.arpa in wire form.
const homeArpa = "\x04home\x04arpa\x00"

// localhost is in wire form.
const localhost = "\x09localhost\x00"

// Special is the answer to a question for a name of special use.
type Special struct {
	RCode dnsmsg.RCode
	// Addresses are the records, of both families; if there are none of the type of
	// the question, the answer is negative.
	Addresses []netip.Addr
	// Target is the name in the PTR record, in wire form; nil for none.
	Target []byte
	// Canary reports whether the answer makes a program use this resolver.
	Canary bool
}

var (
	loopbackAddrs = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	nat64Addrs    = []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 0, 170}), netip.AddrFrom4([4]byte{192, 0, 0, 171})}
)

// IsSpecial reports whether a name is one of special use, private top-level names
// included.
func IsSpecial(name []byte) bool { return useOf(name) != ordinary }

// LookupSpecial returns the answer to a question for a name of special use
// (RFC 6761). privateTLDs includes the names of RFC 6762 appendix G, such as .lan.
// ok is false for all other names.
func LookupSpecial(name []byte, kind dnsmsg.Type, privateTLDs bool) (s Special, ok bool) {
	u := useOf(name)
	if u == ordinary || u == privateTLD && !privateTLDs {
		return s, false
	}
	if kind == dnsmsg.TypeDS && string(name) == homeArpa {
		return s, false // RFC 8375 section 4: the proof that it is not signed is in arpa
	}
	switch u {
	case loopback:
		s.Addresses = loopbackAddrs
	case nat64:
		if dnsmsg.Labels(name) == 2 {
			s.Addresses = nat64Addrs
		}
	case pointer:
		if kind == dnsmsg.TypePTR {
			s.Target = []byte(localhost)
		}
	case noData, between:
	default:
		s.RCode, s.Canary = dnsmsg.NXDomain, u == canary
	}
	return s, true
}
