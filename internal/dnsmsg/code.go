package dnsmsg

import (
	"strconv"
	"strings"
)

// Type is the type of a record or of a question.
type Type uint16

// The types that the program handles by name.
const (
	TypeA      Type = 1
	TypeNS     Type = 2
	TypeCNAME  Type = 5
	TypeSOA    Type = 6
	TypePTR    Type = 12
	TypeHINFO  Type = 13
	TypeMX     Type = 15
	TypeTXT    Type = 16
	TypeAAAA   Type = 28
	TypeSRV    Type = 33
	TypeNAPTR  Type = 35
	TypeDNAME  Type = 39
	TypeOPT    Type = 41
	TypeDS     Type = 43
	TypeRRSIG  Type = 46
	TypeNSEC   Type = 47
	TypeDNSKEY Type = 48
	TypeNSEC3  Type = 50
	TypeSVCB   Type = 64
	TypeHTTPS  Type = 65
	TypeIXFR   Type = 251
	TypeAXFR   Type = 252
	TypeANY    Type = 255
)

// typeNames are the mnemonics in IANA's registry "Resource Record (RR) TYPEs".
var typeNames = map[Type]string{
	TypeA: "A", TypeNS: "NS", 3: "MD", 4: "MF", TypeCNAME: "CNAME", TypeSOA: "SOA", 7: "MB", 8: "MG", 9: "MR",
	10: "NULL", 11: "WKS", TypePTR: "PTR", TypeHINFO: "HINFO", 14: "MINFO", TypeMX: "MX", TypeTXT: "TXT", 17: "RP",
	18: "AFSDB", 21: "RT", 24: "SIG", 25: "KEY", 26: "PX", TypeAAAA: "AAAA", 29: "LOC", 30: "NXT", TypeSRV: "SRV",
	TypeNAPTR: "NAPTR", 36: "KX", 37: "CERT", TypeDNAME: "DNAME", TypeOPT: "OPT", 42: "APL", TypeDS: "DS",
	44: "SSHFP", 45: "IPSECKEY", TypeRRSIG: "RRSIG", TypeNSEC: "NSEC", TypeDNSKEY: "DNSKEY", 49: "DHCID",
	TypeNSEC3: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA", 53: "SMIMEA", 55: "HIP", 59: "CDS", 60: "CDNSKEY",
	61: "OPENPGPKEY", 62: "CSYNC", 63: "ZONEMD", TypeSVCB: "SVCB", TypeHTTPS: "HTTPS", 99: "SPF", 108: "EUI48",
	109: "EUI64", 249: "TKEY", 250: "TSIG", TypeIXFR: "IXFR", TypeAXFR: "AXFR", TypeANY: "ANY", 256: "URI",
	257: "CAA",
}

// typeNumbers is the inverse of typeNames.
var typeNumbers = func() map[string]Type {
	m := make(map[string]Type, len(typeNames))
	for t, name := range typeNames {
		m[name] = t
	}
	return m
}()

// String returns the mnemonic, or "TYPE123" if there is none (RFC 3597 section 5).
func (t Type) String() string {
	switch t { // nearly all queries; faster than the map
	case TypeA:
		return "A"
	case TypeAAAA:
		return "AAAA"
	case TypeHTTPS:
		return "HTTPS"
	}
	if name, ok := typeNames[t]; ok {
		return name
	}
	return "TYPE" + strconv.Itoa(int(t))
}

// ParseType returns the type whose String is s, ignoring case.
func ParseType(s string) (Type, bool) {
	s = strings.ToUpper(s)
	if t, ok := typeNumbers[s]; ok {
		return t, true
	}
	if digits, ok := strings.CutPrefix(s, "TYPE"); ok {
		n, err := strconv.ParseUint(digits, 10, 16)
		return Type(n), err == nil
	}
	return 0, false
}

// Class is the class of a record or of a question.
type Class uint16

// The classes (RFC 1035 section 3.2.4).
const (
	ClassIN  Class = 1
	ClassCH  Class = 3
	ClassHS  Class = 4
	ClassANY Class = 255
)

// String returns the mnemonic, or "CLASS123" if there is none (RFC 3597 section
// 5).
func (c Class) String() string {
	switch c {
	case ClassIN:
		return "IN"
	case ClassCH:
		return "CH"
	case ClassHS:
		return "HS"
	case ClassANY:
		return "ANY"
	}
	return "CLASS" + strconv.Itoa(int(c))
}

// RCode is a response code, including the upper bits of EDNS (RFC 6891 section
// 6.1.3).
type RCode uint16

// The response codes that the program handles by name.
const (
	NoError  RCode = 0
	FormErr  RCode = 1
	ServFail RCode = 2
	NXDomain RCode = 3
	NotImp   RCode = 4
	Refused  RCode = 5
	BadVers  RCode = 16
)

var rcodeNames = [...]string{
	"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
	"NOTZONE", "DSOTYPENI", "RCODE12", "RCODE13", "RCODE14", "RCODE15", "BADVERS",
}

// String returns the mnemonic, or "RCODE123" if there is none.
func (r RCode) String() string {
	if int(r) < len(rcodeNames) {
		return rcodeNames[r]
	}
	return "RCODE" + strconv.Itoa(int(r))
}

// Opcode returns the mnemonic of an operation code, or "OPCODE123" if there is
// none.
func Opcode(n uint8) string {
	switch n {
	case 0:
		return "QUERY"
	case 1:
		return "IQUERY"
	case 2:
		return "STATUS"
	case 4:
		return "NOTIFY"
	case 5:
		return "UPDATE"
	case 6:
		return "DSO"
	}
	return "OPCODE" + strconv.Itoa(int(n))
}

// The flags in the second 16 bits of a header (RFC 1035 section 4.1.1, RFC 4035
// section 3).
const (
	FlagQR uint16 = 1 << 15
	FlagAA uint16 = 1 << 10
	FlagTC uint16 = 1 << 9
	FlagRD uint16 = 1 << 8
	FlagRA uint16 = 1 << 7
	FlagAD uint16 = 1 << 5
	FlagCD uint16 = 1 << 4
)

// EDE is an extended DNS error code (RFC 8914), or NoEDE.
type EDE int16

// The extended error codes that a forwarder uses.
const (
	NoEDE          EDE = -1
	EDEStale       EDE = 3
	EDEForged      EDE = 4
	EDEBlocked     EDE = 15
	EDEFiltered    EDE = 17
	EDEProhibited  EDE = 18
	EDEStaleNX     EDE = 19
	EDENoReachable EDE = 22
	EDENetwork     EDE = 23
	EDESynthesized EDE = 29
)

// String returns the name of the code in IANA's registry, "" for NoEDE and
// "EDE123" for a code that is not listed here.
func (e EDE) String() string {
	switch e {
	case EDEStale:
		return "Stale Answer"
	case EDEForged:
		return "Forged Answer"
	case EDEBlocked:
		return "Blocked"
	case EDEFiltered:
		return "Filtered"
	case EDEProhibited:
		return "Prohibited"
	case EDEStaleNX:
		return "Stale NXDOMAIN Answer"
	case EDENoReachable:
		return "No Reachable Authority"
	case EDENetwork:
		return "Network Error"
	case EDESynthesized:
		return "Synthesized"
	case NoEDE:
		return ""
	}
	return "EDE" + strconv.Itoa(int(e))
}
