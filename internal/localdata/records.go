package localdata

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// Records are names with their records. They must not be changed once they are in
// use; then they are safe for concurrent use. A nil *Records has no names, for
// lookups only.
type Records struct {
	names map[string]*name // for themselves
	trees map[string]*name // for all names below, and themselves unless they are in names
}

// name is what is known of a name.
type name struct {
	source  dnsevent.Source
	open    bool // types without a record are asked of an upstream
	records []Record
}

// Record is a record of the class IN.
type Record struct {
	Type dnsmsg.Type
	TTL  uint32 // seconds
	Data []byte // in wire form, without compression; of a CNAME, in lower case
}

// NewRecords returns records without any names.
func NewRecords() *Records {
	return &Records{names: map[string]*name{}, trees: map[string]*name{}}
}

// at returns the entry of a name in presentation form, a new one if there is none.
func (z *Records) at(text string, source dnsevent.Source) (*name, error) {
	text, isTree := strings.CutPrefix(text, "*.")
	wire, err := dnsmsg.ParseName(nil, text)
	if err != nil {
		return nil, err
	}
	dnsmsg.Lower(wire)
	entries := z.names
	if isTree {
		entries = z.trees
	}
	n := entries[string(wire)]
	if n == nil {
		n = &name{source: source}
		entries[string(wire)] = n
	}
	return n, nil
}

// Address adds an address of a name, and the PTR record of the address unless it is
// unspecified. A name that begins with *. answers for all names below it, and for the
// name itself if that has no record of its own.
func (z *Records) Address(name string, a netip.Addr, ttl uint32, source dnsevent.Source) error {
	n, err := z.at(name, source)
	if err != nil {
		return err
	}
	kind := dnsmsg.TypeA
	if a = a.Unmap().WithZone(""); a.Is6() {
		kind = dnsmsg.TypeAAAA
	}
	if err := n.put(Record{Type: kind, TTL: ttl, Data: a.AsSlice()}); err != nil || a.IsUnspecified() {
		return err
	}
	back, err := dns.ReverseAddr(a.String())
	if err != nil {
		return err
	}
	target, err := dnsmsg.ParseName(nil, strings.TrimPrefix(name, "*."))
	if err != nil {
		return err
	}
	p, err := z.at(back, source)
	if err != nil {
		return err
	}
	if err := p.put(Record{Type: dnsmsg.TypePTR, TTL: ttl, Data: target}); !errors.Is(err, errFull) {
		return err
	}
	return nil // the name resolves all the same
}

// Open lets types that a name has no record of be asked of an upstream.
func (z *Records) Open(name string) error {
	n, err := z.at(name, dnsevent.FromRecords)
	if err == nil {
		n.open = true
	}
	return err
}

// Alias adds a CNAME record.
func (z *Records) Alias(name, target string, ttl uint32) error {
	wire, err := dnsmsg.ParseName(nil, target)
	if err != nil {
		return err
	}
	dnsmsg.Lower(wire)
	n, err := z.at(name, dnsevent.FromRecords)
	if err != nil {
		return err
	}
	return n.put(Record{Type: dnsmsg.TypeCNAME, TTL: ttl, Data: wire})
}

// Zone adds the records of a zone file (RFC 1035 section 5).
func (z *Records) Zone(text string) error {
	p := dns.NewZoneParser(strings.NewReader(text), "", "")
	p.SetDefaultTTL(3600)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		if err := z.add(rr); err != nil {
			return err
		}
	}
	return p.Err()
}

// zoneTypes are the types that a zone file may have. Others belong to the servers
// of a zone.
var zoneTypes = map[uint16]bool{dns.TypeA: true, dns.TypeAAAA: true, dns.TypeCNAME: true, dns.TypePTR: true, dns.TypeTXT: true, dns.TypeSRV: true,
	dns.TypeMX: true, dns.TypeHTTPS: true, dns.TypeSVCB: true, dns.TypeCAA: true, dns.TypeNAPTR: true}

func (z *Records) add(rr dns.RR) error {
	h := rr.Header()
	if h.Class != dns.ClassINET {
		return fmt.Errorf("%s: records of class %s cannot be served; write IN", h.Name, dns.ClassToString[h.Class])
	}
	if !zoneTypes[h.Rrtype] {
		return fmt.Errorf("%s: records of type %s cannot be served", h.Name, dns.TypeToString[h.Rrtype])
	}
	wire := make([]byte, 65535)
	end, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	owner, err := dnsmsg.SkipName(wire, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	r := Record{Type: dnsmsg.Type(h.Rrtype), TTL: h.Ttl, Data: append([]byte(nil), wire[owner+10:end]...)}
	if r.Type == dnsmsg.TypeCNAME {
		dnsmsg.Lower(r.Data)
	}
	n, err := z.at(h.Name, dnsevent.FromRecords)
	if err != nil {
		return err
	}
	return n.put(r)
}
