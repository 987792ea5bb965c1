package transaction

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/elastic/beats/v7/libbeat/beat"

	"github.com/qubesbeat/qubesbeat/internal/dnsview"
)

// answerOf reads the answer in an event of packetbeat's dns analyzer. ok is false if
// the event has no client. A response without a query has no addresses: any
// qube can send one to the address of another, and so would name what that one connects
// to.
func answerOf(e *beat.Event) (a *dnsview.Answer, ok bool) {
	client, ok := endpoint(e, "source")
	if !ok {
		return nil, false
	}
	server, _ := endpoint(e, "destination")
	id, _ := strconv.ParseUint(text(e, "dns.id"), 10, 16)
	a = &dnsview.Answer{Client: client, Server: server, ID: uint16(id), Name: text(e, "dns.question.name"), At: e.Timestamp}
	if isAsked := text(e, "source.bytes") != ""; isAsked {
		list, _ := e.Fields.GetValue("dns.resolved_ip")
		a.Addresses = addresses(list)
	}
	return a, true
}

// text returns a field as text, "" if there is none.
func text(e *beat.Event, key string) string {
	if v, err := e.Fields.GetValue(key); err == nil {
		return fmt.Sprint(v)
	}
	return ""
}

// endpoint returns address and port of the source or the destination.
func endpoint(e *beat.Event, side string) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(text(e, side+".ip"))
	port, _ := strconv.ParseFloat(text(e, side+".port"), 64)
	return netip.AddrPortFrom(a, uint16(port)), err == nil
}

// addresses reads a list of addresses, of whatever type the analyzer has made it.
func addresses(v any) (list []netip.Addr) {
	var texts []string
	switch v := v.(type) {
	case []string:
		texts = v
	case []any:
		for _, one := range v {
			texts = append(texts, fmt.Sprint(one))
		}
	}
	for _, t := range texts {
		if a, err := netip.ParseAddr(t); err == nil {
			list = append(list, a)
		}
	}
	return list
}
