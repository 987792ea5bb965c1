package names

import (
	"net/netip"
	"strings"
)

// Query is a question, or the response to it.
type Query struct {
	At     int64  // packet time, nanoseconds since the Unix epoch
	Name   string // in lower case, without the last dot
	Domain string // the registered domain of Name, or its last labels if it has none
	Suffix bool   // Domain is a registered domain, below a suffix that ICANN or its owner has made public
	Given  bool   // a provider gives Domain out, such as one below cloudfront.net: no person has chosen its label
	Type   uint16 // of the question
	// Response says that this is the response, and NXDomain that the name does not exist.
	Response, NXDomain bool
	Bytes              int          // of the message
	Addrs              []netip.Addr // in a response; they are not kept
	World              bool         // the server is a host of the world, which knows no names of a local network
	// Seed is a secret of the installation, by which the hashes that are kept of names differ.
	Seed uint64
}

// Sub returns the part of the name below the domain, without the dot, "" if there is none.
func (q *Query) Sub() string {
	if q.Domain == Root {
		return q.Name
	}
	n := len(q.Name) - len(q.Domain) - 1
	if n <= 0 {
		return ""
	}
	return q.Name[:n]
}

// lookups are domains below which others publish what they know of an address or a file:
// the names carry data, and on purpose.
var lookups = map[string]bool{
	"sophosxl.net": true, "mcafee.com": true, "e5.sk": true, "sorbs.net": true, "spamhaus.org": true, "spamhaus.net": true,
	"spamcop.net": true, "barracudacentral.org": true, "surbl.org": true, "uribl.com": true, "dnswl.org": true,
	"mailspike.net": true, "senderbase.org": true, "senderscore.com": true, "abuseat.org": true, "uceprotect.net": true,
	"akadns.net": true, "trendmicro.com": true, "avqs.mcafee.com": true, "avts.mcafee.com": true,
	"cymru.com": true, "dnsbl.info": true, "nerd.dk": true,
	// lists of domains, and of hashes of addresses and files
	"msbl.org": true, "rspamd.com": true, "zapbl.net": true, "nordspam.com": true, "junkemailfilter.com": true, "surriel.com": true,
	"spameatingmonkey.net": true, "abusix.zone": true, "invaluement.com": true, "scientificspam.net": true, "manitu.net": true,
	"rfc-clueless.org": true, "fabel.dk": true, "swinog.ch": true,
}

// own are endings of names that no server of the world answers.
var own = [...]string{".local", ".lan", ".home", ".internal", ".localdomain", ".invalid", ".test", homeEnd, ".corp", ".intra",
	".intranet", ".private", ".priv", onionEnd, i2pEnd, ".alt"}

// onionEnd and i2pEnd are the ends of names of networks over the Internet, which the DNS does not have (RFC
// 7686, RFC 9476 section 3): their labels are hashes of keys. Links to them are asked for all the same.
const onionEnd, i2pEnd = ".onion", ".i2p"

// overlay reports whether a name is one of a network over the Internet.
func (q *Query) overlay() bool {
	return strings.HasSuffix(q.Name, onionEnd) || strings.HasSuffix(q.Name, i2pEnd)
}

// homeEnd is the end of names of a home (RFC 8375).
const homeEnd = ".home.arpa"

// signs are labels that carry keys and proofs.
var signs = []string{"_dmarc.", "_domainkey.", "_acme-challenge.", "_tcp.", "_udp.", "_msdcs."}

// usual reports whether a name says nothing about a tunnel: no data can get through, or
// what looks like data is not.
func (q *Query) usual() bool { return q.known() || q.lookup() }

// known reports whether a name is below a domain whose names say nothing about a tunnel, however many.
func (q *Query) known() bool { return q.Domain == "" || lookups[q.Domain] || !q.World && q.Local() }

// Local reports whether a name is one that no server of the world answers.
func (q *Query) Local() bool {
	for _, end := range own {
		if strings.HasSuffix(q.Name, end) {
			return true
		}
	}
	return false
}

// proof reports whether a name carries a key or a proof, for which the labels are made that sign
// it: it is odd only if there is a lot of it.
func (q *Query) proof() bool {
	for _, sign := range signs {
		if strings.Contains(q.Name, sign) {
			return true
		}
	}
	return false
}

// common reports whether programs ask for a type every day.
func common(t uint16) bool {
	switch t {
	case 1, 2, 6, 12, 28, 33, 43, 48, 64, 65, 257: // A, NS, SOA, PTR, AAAA, SRV, DS, DNSKEY, SVCB, HTTPS, CAA
		return true
	}
	return false
}

// hash returns the hash of a text: FNV-1a, and a finalizer that spreads it over all bits. A
// qube that makes its names collide hides them from itself only; the seed is for those who find
// hashes in a file.
func hash(s string, seed uint64) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	h ^= h>>32 ^ seed
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}
