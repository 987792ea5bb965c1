package resolver

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// Records are names that the configuration answers for. They are immutable once
// they are in use.
type Records struct {
	names map[string]*ownName
}

// ownName is what is known of a name.
type ownName struct {
	source Source
	tree   bool // it also answers for what is below
	// open tells that types without a record are asked for elsewhere.
	open    bool
	records []ownRecord
}

type ownRecord struct {
	kind   dnsmsg.Type
	ttl    uint32
	data   []byte
	target []byte // of a CNAME
}

// NewRecords returns records without any.
func NewRecords() *Records { return &Records{names: map[string]*ownName{}} }

func (z *Records) at(text string, source Source) (*ownName, error) {
	wire, err := dnsmsg.ParseName(nil, strings.TrimPrefix(text, "*."))
	if err != nil {
		return nil, err
	}
	dnsmsg.Lower(wire)
	n := z.names[string(wire)]
	if n == nil {
		n = &ownName{source: source}
		z.names[string(wire)] = n
	}
	n.tree = n.tree || strings.HasPrefix(text, "*.")
	return n, nil
}

// Address adds an address of a name; one that begins with *. also answers for
// all below. The address has the name, too, for those who ask backwards, unless
// the name is a pattern.
func (z *Records) Address(name string, a netip.Addr, ttl uint32, source Source) error {
	n, err := z.at(name, source)
	if err != nil {
		return err
	}
	kind := dnsmsg.TypeA
	if a.Is6() {
		kind = dnsmsg.TypeAAAA
	}
	n.records = append(n.records, ownRecord{kind: kind, ttl: ttl, data: a.AsSlice()})
	back, err := dns.ReverseAddr(a.String())
	if err != nil {
		return err
	}
	target, err := dnsmsg.ParseName(nil, strings.TrimPrefix(name, "*."))
	if err != nil {
		return err
	}
	p, err := z.at(back, source)
	if err == nil {
		p.records = append(p.records, ownRecord{kind: dnsmsg.TypePTR, ttl: ttl, data: target})
	}
	return err
}

// Open lets types that a name has no record of be asked for elsewhere.
func (z *Records) Open(name string) error {
	n, err := z.at(name, FromRecords)
	if err == nil {
		n.open = true
	}
	return err
}

// Alias adds a CNAME.
func (z *Records) Alias(name, target string, ttl uint32) error {
	wire, err := dnsmsg.ParseName(nil, target)
	if err != nil {
		return err
	}
	dnsmsg.Lower(wire)
	n, err := z.at(name, FromRecords)
	if err == nil {
		n.records = append(n.records, ownRecord{kind: dnsmsg.TypeCNAME, ttl: ttl, data: wire, target: wire})
	}
	return err
}

// Zone adds the records of a zone file (RFC 1035 section 5).
func (z *Records) Zone(text string) error {
	p := dns.NewZoneParser(strings.NewReader(text), "", "")
	p.SetDefaultTTL(3600)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		if err := z.record(rr); err != nil {
			return err
		}
	}
	return p.Err()
}

func (z *Records) record(rr dns.RR) error {
	switch rr.Header().Rrtype {
	case dns.TypeA, dns.TypeAAAA, dns.TypeCNAME, dns.TypePTR, dns.TypeTXT, dns.TypeSRV, dns.TypeMX, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeCAA, dns.TypeNAPTR:
	default:
		return fmt.Errorf("%s: records of the type %s are not for a resolver to answer from", rr.Header().Name, dns.TypeToString[rr.Header().Rrtype])
	}
	wire := make([]byte, 65535)
	end, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		return fmt.Errorf("%s: %w", rr.Header().Name, err)
	}
	name, err := dnsmsg.SkipName(wire, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", rr.Header().Name, err)
	}
	r := ownRecord{kind: dnsmsg.Type(rr.Header().Rrtype), ttl: rr.Header().Ttl, data: append([]byte(nil), wire[name+10:end]...)}
	if r.kind == dnsmsg.TypeCNAME {
		dnsmsg.Lower(r.data)
		r.target = r.data
	}
	n, err := z.at(rr.Header().Name, FromRecords)
	if err == nil {
		n.records = append(n.records, r)
	}
	return err
}

// Hosts adds the lines of a hosts file. Those of the machine itself are left out
// where loopback is false.
func (z *Records) Hosts(r io.Reader, ttl uint32, loopback bool) (wrong int, err error) {
	text, err := io.ReadAll(io.LimitReader(r, 16<<20))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		a, err := netip.ParseAddr(f[0])
		if err != nil || len(f) < 2 {
			wrong++
			continue
		}
		if a = a.Unmap().WithZone(""); a.IsLoopback() && !loopback {
			continue
		}
		for _, name := range f[1:] {
			if z.Address(name, a, ttl, FromHosts) != nil {
				wrong++
			}
		}
	}
	return wrong, nil
}

// find returns what is known of a name: of itself, or of one above that answers
// for all below.
func (z *Records) find(name []byte) *ownName {
	for whole := true; len(name) > 1; name, whole = dnsmsg.Parent(name), false {
		if n := z.names[string(name)]; n != nil && (whole || n.tree) {
			return n
		}
	}
	return nil
}

// errLoop tells that aliases of the configuration lead back to themselves.
var errLoop = errors.New("the aliases of the configuration lead back to themselves")

// chain returns the aliases from a name on and what is known of the last one,
// nil where that is not ours.
func (z *Records) chain(n *ownName, kind dnsmsg.Type) (aliases []ownRecord, last *ownName, err error) {
	for kind != dnsmsg.TypeCNAME {
		i := n.alias()
		if i < 0 {
			return aliases, n, nil
		}
		if len(aliases) >= dnsmsg.MaxChain {
			return nil, nil, errLoop
		}
		aliases = append(aliases, n.records[i])
		if n = z.find(n.records[i].target); n == nil {
			return aliases, nil, nil
		}
	}
	return aliases, n, nil
}

func (n *ownName) alias() int {
	for i := range n.records {
		if n.records[i].kind == dnsmsg.TypeCNAME {
			return i
		}
	}
	return -1
}

// has reports whether there are records of a type.
func (n *ownName) has(kind dnsmsg.Type) bool {
	for i := range n.records {
		if n.records[i].kind == kind {
			return true
		}
	}
	return false
}
