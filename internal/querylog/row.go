package querylog

import (
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// columns is how many columns a row has.
const columns = 11

// row makes the row of an entry.
func row(e *dnsevent.Entry, name, instance string) [columns]string {
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
	return [columns]string{time.Unix(0, e.At).Format("2006-01-02 15:04:05"), e.From.Addr().String(), name,
		strconv.FormatInt(e.Duration/1e6, 10), e.Reason(lower), question, answers(e.Reply), rcode,
		e.Outcome.From.String(), e.Type.String(), instance}
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

// presentation writes a record as a zone file has it, with the library that blocky
// uses: these types are rare.
func presentation(msg []byte, rr *dnsmsg.Record) string {
	owner, _, err := dnsmsg.AppendName(nil, msg, rr.Name)
	if err != nil {
		return rr.Type.String()
	}
	whole := dnsmsg.AppendRecord(nil, owner, rr.Type, rr.Class, rr.TTL, msg[rr.Data:rr.Data+rr.Len])
	one, _, err := dns.UnpackRR(whole, 0)
	if err != nil {
		return rr.Type.String()
	}
	return one.String()
}
