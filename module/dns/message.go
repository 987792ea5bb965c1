package dns

import (
	"strconv"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/event"
)

// maxAnswers is how many answers an event shows; it counts them all.
const maxAnswers = 32

// writeDNS writes the message, as the client got it.
func (d *Document) writeDNS(w event.Writer) {
	w.Begin("dns")
	defer w.End()
	if d.lost && !d.answered() {
		w.String("type", "query")
		return
	}
	w.String("id", strconv.Itoa(int(d.ID)))
	w.String("op_code", dnsmsg.Opcode(d.Opcode))
	kind := "query"
	if d.answered() {
		kind = "answer"
		w.String("response_code", d.RCode.String())
	}
	w.String("type", kind)
	d.writeFlags(w)
	d.writeQuestion(w)
	d.writeAnswers(w)
	if d.EDNS {
		w.Begin("opt")
		w.String("version", "0")
		w.Bool("do", d.DO)
		w.Uint("udp_size", uint64(d.UDPSize))
		w.End()
	}
}

// flags are the bits of a header as packetbeat and ECS spell them.
var flags = [...]struct {
	bit  uint16
	name string
	long string
}{{dnsmsg.FlagAA, "AA", "authoritative"}, {dnsmsg.FlagTC, "TC", "truncated_response"}, {dnsmsg.FlagRD, "RD", "recursion_desired"},
	{dnsmsg.FlagRA, "RA", "recursion_available"}, {dnsmsg.FlagAD, "AD", "authentic_data"}, {dnsmsg.FlagCD, "CD", "checking_disabled"}}

func (d *Document) writeFlags(w event.Writer) {
	bits := d.Flags
	if len(d.Reply) >= dnsmsg.HeaderSize {
		bits = uint16(d.Reply[2])<<8 | uint16(d.Reply[3])
	}
	var short [len(flags) + 1]string
	names := short[:0]
	w.Begin("flags")
	for _, f := range flags {
		if bits&f.bit != 0 {
			names = append(names, f.name)
		}
		w.Bool(f.long, bits&f.bit != 0)
	}
	w.End()
	if d.DO {
		names = append(names, "DO")
	}
	w.Strings("header_flags", names...)
}

func (d *Document) writeQuestion(w event.Writer) {
	if d.lost {
		return
	}
	w.Begin("question")
	w.String("name", d.name)
	w.String("type", d.Entry.Type.String())
	w.String("class", d.Class.String())
	domain, suffix, sub := registered(d.name)
	if domain != "" {
		w.String("registered_domain", domain)
		w.String("etld_plus_one", domain)
	}
	event.Optional(w, "top_level_domain", suffix)
	event.Optional(w, "subdomain", sub)
	w.End()
}

// writeAnswers writes the answers that the entry has kept, and how many there
// were.
func (d *Document) writeAnswers(w event.Writer) {
	if len(d.Reply) < dnsmsg.HeaderSize {
		return
	}
	_, answers, authorities, additionals := dnsmsg.Counts(d.Reply)
	w.Uint("answers_count", uint64(answers))
	w.Uint("authorities_count", uint64(authorities))
	w.Uint("additionals_count", uint64(additionals))
	if answers == 0 {
		return
	}
	var r dnsmsg.Reader
	_ = r.Read(d.Reply)
	var room [8]string
	addrs := room[:0]
	w.BeginList("answers")
	for n, rr := 0, (dnsmsg.Record{}); n < maxAnswers && r.Next(&rr) && rr.Section == dnsmsg.Answer; n++ {
		text := rr.DataText(d.Reply)
		d.writeAnswer(w, &rr, text)
		if rr.Address(d.Reply).IsValid() { // not every record of type A has an address
			addrs = append(addrs, text)
		}
	}
	w.EndList()
	if len(addrs) > 0 {
		w.Strings("resolved_ip", addrs...)
	}
}

func (d *Document) writeAnswer(w event.Writer, rr *dnsmsg.Record, text string) {
	w.Item()
	w.String("name", d.owner(rr))
	w.String("type", rr.Type.String())
	w.String("class", rr.Class.String())
	w.Uint("ttl", uint64(rr.TTL))
	w.String("data", text)
	w.End()
}

// owner returns the owner of a record in lower case; mostly that is the name of the
// question, which our answers only point to.
func (d *Document) owner(rr *dnsmsg.Record) string {
	if d.Reply[rr.Name] == 0xC0 && d.Reply[rr.Name+1] == dnsmsg.HeaderSize {
		return d.name
	}
	owner, _, _ := dnsmsg.AppendName(nil, d.Reply, rr.Name) // it was written by us
	dnsmsg.Lower(owner)
	return dnsmsg.Text(owner)
}
