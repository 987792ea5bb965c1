package behaviour

import (
	"encoding/base32"
	"encoding/binary"
	"net/netip"
	"strings"
)

// Finding is something odd that a client did. It is valid as long as it is not changed.
type Finding struct {
	Rule    Rule
	Way     string // which of the forms of the rule it is, "" if it has one only
	Level   Level
	Score   float64 // 0..1
	Subject string
	At      int64  // packet time of what made it, nanoseconds since the Unix epoch
	First   int64  // packet time of the first of what it is about
	Count   uint64 // of the same kind since the last event, this one included

	Addr         netip.Addr // destination; invalid if there are several
	Port         uint16
	Proto        uint8
	Name, Domain string
	Refused      bool // by the firewall

	Reason   string   // a sentence with the numbers
	Evidence []string // what made the score
	Names    []string // samples of DNS names

	NoveltyBits float64 // information in a first contact, 0 if there is none
	Period      int64   // nanoseconds, 0 if there is none
	Jitter      float64 // share of Period
	Beats       int
	BytesUp     uint64
	BytesDown   uint64
	JA4         string

	Context any // of the observation

	dest uint64 // hash of the destination, 0 if there are several
	once uint64 // hash of what it is reported once for, 0 for the destination
}

// day is in nanoseconds.
const day = int64(24 * 3600e9)

// ID returns an identifier of the finding: of the subject, the rule, the destination and
// the day, so that it is the same after a restart and in a replay.
func (f *Finding) ID() string {
	h := siphash(0, 0, f.Subject+"\x00"+f.Rule.String()+"\x00"+f.Way+"\x00"+f.target())
	h = h*0x9e3779b97f4a7c15 ^ uint64(f.At/day)*0xd6e8feb86659fd93
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], h)
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// target returns what the finding is about, as text.
func (f *Finding) target() string {
	switch {
	case f.Domain != "":
		return f.Domain
	case f.Addr.IsValid():
		return f.Addr.String()
	}
	return ""
}
