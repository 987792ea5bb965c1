package querylog

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// columns is how many columns a row has.
const columns = 11

// row makes the row of an entry. Every column passes [safetext.Cell]: names and answers
// are what somebody else has chosen.
func row(e *dnsevent.Entry, name, instance string) (r [columns]string) {
	lower := append([]byte(nil), e.Name...)
	dnsmsg.Lower(lower)
	question := ""
	if len(e.Name) > 0 {
		question = strings.TrimSuffix(dnsmsg.Text(e.Name), ".") + "."
	}
	rcode := e.RCode.String()
	if e.ReplyLen == 0 {
		rcode = ""
	}
	r = [columns]string{time.Unix(0, e.At).Format("2006-01-02 15:04:05"), e.From.Addr().String(), name,
		strconv.FormatInt(max(e.Duration, 0)/1e6, 10), e.Reason(lower), question, answers(e.Reply), rcode,
		e.Outcome.From.String(), e.Type.String(), instance}
	for i := range r {
		r[i] = safetext.Cell(r[i])
	}
	return r
}

// size returns how many bytes a row takes in a file, with tabs, quotes and line break.
func size(r *[columns]string) (n int64) {
	for _, cell := range r {
		n += int64(len(cell)) + 1
		if quotes := strings.Count(cell, `"`); quotes > 0 {
			n += int64(quotes) + 2
		}
	}
	return n
}

// answers writes the answers of a message as blocky does.
func answers(msg []byte) string {
	var r dnsmsg.Reader
	if len(msg) < dnsmsg.HeaderSize || r.Read(msg) != nil {
		return ""
	}
	var list []string
	for rr := (dnsmsg.Record{}); r.Next(&rr) && rr.Section == dnsmsg.Answer; {
		text := rr.DataText(msg)
		switch rr.Type {
		case dnsmsg.TypeA, dnsmsg.TypeAAAA:
			text = rr.Type.String() + " (" + text + ")"
		case dnsmsg.TypeCNAME, dnsmsg.TypePTR:
			text = rr.Type.String() + " (" + text + ".)"
		default:
			text = presentation(msg, &rr)
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

// laidOut are the types whose presentation format quotes all text and escapes all bytes of
// the record. A record of another type could look like several.
var laidOut = map[dnsmsg.Type]bool{
	dnsmsg.Type(dns.TypeNS): true, dnsmsg.Type(dns.TypeSOA): true, dnsmsg.Type(dns.TypeMX): true, dnsmsg.Type(dns.TypeTXT): true,
	dnsmsg.Type(dns.TypeSPF): true, dnsmsg.Type(dns.TypeSRV): true, dnsmsg.Type(dns.TypeNAPTR): true, dnsmsg.Type(dns.TypeDNAME): true,
	dnsmsg.Type(dns.TypeHINFO): true, dnsmsg.Type(dns.TypeRP): true, dnsmsg.Type(dns.TypeAFSDB): true, dnsmsg.Type(dns.TypeKX): true,
	dnsmsg.Type(dns.TypeHTTPS): true, dnsmsg.Type(dns.TypeSVCB): true, dnsmsg.Type(dns.TypeCAA): true, dnsmsg.Type(dns.TypeURI): true,
	dnsmsg.Type(dns.TypeDS): true, dnsmsg.Type(dns.TypeCDS): true, dnsmsg.Type(dns.TypeDNSKEY): true, dnsmsg.Type(dns.TypeCDNSKEY): true,
	dnsmsg.Type(dns.TypeRRSIG): true, dnsmsg.Type(dns.TypeNSEC): true, dnsmsg.Type(dns.TypeNSEC3): true, dnsmsg.Type(dns.TypeNSEC3PARAM): true,
	dnsmsg.Type(dns.TypeTLSA): true, dnsmsg.Type(dns.TypeSMIMEA): true, dnsmsg.Type(dns.TypeSSHFP): true, dnsmsg.Type(dns.TypeCERT): true,
	dnsmsg.Type(dns.TypeOPENPGPKEY): true, dnsmsg.Type(dns.TypeLOC): true,
}

// presentation writes a record as a zone file has it, with the library that blocky
// uses, and spaces for tabs. Types that are not laid out are in the form of RFC 3597
// section 5.
func presentation(msg []byte, rr *dnsmsg.Record) string {
	owner, _, err := dnsmsg.AppendName(nil, msg, rr.Name)
	if err != nil {
		return rr.Type.String()
	}
	data := msg[rr.Data : rr.Data+rr.Len]
	if laidOut[rr.Type] {
		whole := dnsmsg.AppendRecord(nil, owner, rr.Type, rr.Class, rr.TTL, data)
		if one, _, err := dns.UnpackRR(whole, 0); err == nil {
			return strings.ReplaceAll(one.String(), "\t", " ")
		}
	}
	return fmt.Sprintf(`%s. %d %s TYPE%d \# %d %x`, strings.TrimSuffix(dnsmsg.Text(owner), "."), rr.TTL, rr.Class, rr.Type, rr.Len, data)
}
