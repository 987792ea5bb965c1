package strict_test

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/event"
	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/quota"
	"github.com/qubesbeat/qubesbeat/internal/testbed/strict"
	"github.com/qubesbeat/qubesbeat/module/dns"
	"github.com/qubesbeat/qubesbeat/module/finding"
	"github.com/qubesbeat/qubesbeat/module/firewall"
	"github.com/qubesbeat/qubesbeat/module/flow"
	"github.com/qubesbeat/qubesbeat/module/inventory"
	"github.com/qubesbeat/qubesbeat/module/stats"
	"github.com/qubesbeat/qubesbeat/module/summary"
)

// texts are what the texts of an event may contain: nothing, or what JSON has to escape.
var texts = []string{"", "plain", "x\xff\xc3", "\x00\x1b]0;t\a\n\r\t\x7f", "\u202e\u2028\u0085\ufeff", `"},{"a":"b\`, "<&>"}

// fill gives every text below v that can be set a value.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem(), text)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[netip.Addr]() || v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				fill(f, text)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.String {
			v.Set(reflect.ValueOf([]string{text, text}).Convert(v.Type()))
		}
	case reflect.String:
		v.SetString(text)
	}
}

// parties returns the parties of an event between two qubes.
func parties() event.Parties {
	q := &qube.Qube{XID: 7, IP: netip.MustParseAddr("10.137.0.7"), ProvidesNetwork: true}
	return event.Parties{Qube: q, SourceQube: q, DestinationQube: q, Client: q.IP, Attribution: event.Spoofed, Direction: event.Internal}
}

// documents returns an event of each kind with a text everywhere.
func documents(text string) map[string]event.Document {
	f := &flow.Document{Flow: event.Flow{Parties: parties(), Hello: new(clienthello.Hello), SourceProcess: new(event.Process), DestinationProcess: new(event.Process)}}
	f.Family, f.Proto, f.HasMAC, f.Reason = 6, packet.ProtoTCP, true, meter.ReasonEnd
	f.Outer = packet.Outer{Kind: packet.TunnelGRE, Family: 4}
	f.VLANs = 2
	v := &firewall.Document{Parties: parties()}
	v.Src, v.Dst, v.Proto = netip.MustParseAddr("10.137.0.7"), netip.MustParseAddr("192.0.2.1"), 1
	found := &finding.Document{Parties: parties(), Source: netip.MustParseAddrPort("10.137.0.7:1"), Destination: netip.MustParseAddrPort("192.0.2.1:2")}
	before, after := *parties().Qube, *parties().Qube
	change := &inventory.Document{QubeChange: event.QubeChange{Before: &before, After: &after}}
	sum := &quota.Summary{Parties: parties(), Events: 1, Outcomes: []quota.Outcome{{Name: text, Count: 1}}}
	for _, d := range []any{f, v, found, change, sum} {
		fill(reflect.ValueOf(d), text)
	}
	return map[string]event.Document{"flow": f, "verdict": v, "finding": found, "change": change, "summary": summary.Document{Summary: sum},
		"query": query(text), "stats": &stats.Document{Stats: event.Stats{Counters: []event.Counter{{Group: "flows", Name: "packets", Value: 1}}}}}
}

// query returns the event of a query with a text in names, records, lists and errors.
func query(text string) event.Document {
	label := append([]byte{byte(len(text))}, text...)
	if text == "" {
		label = nil
	}
	name := append(label, 0)
	e := &dnsevent.Entry{Name: name, Type: dnsmsg.TypeTXT, Class: dnsmsg.ClassIN, From: netip.MustParseAddrPort("10.137.0.7:53"), Count: 1,
		Outcome: dnsevent.Outcome{Match: dnsevent.MatchAlias, Name: name, Attempts: 1, Upstream: new(dnsevent.Server)}}
	e.Reply = dnsmsg.AppendQuestion(dnsmsg.AppendHeader(nil, 1, dnsmsg.FlagQR), name, dnsmsg.TypeTXT, dnsmsg.ClassIN)
	n := 0
	for kind := range dnsmsg.Type(300) {
		e.Reply = dnsmsg.AppendRecord(e.Reply, name, kind, dnsmsg.ClassIN, 60, append([]byte{byte(len(text))}, text...))
		n++
	}
	dnsmsg.SetCounts(e.Reply, 1, n, 0, 0)
	e.ReplyLen = len(e.Reply)
	fill(reflect.ValueOf(e), text)
	return dns.NewDocument(e, parties())
}

// TestDocument_hostile writes every kind of event as JSON that a strict reader takes,
// whatever its texts are.
func TestDocument_hostile(t *testing.T) {
	t.Parallel()
	for _, text := range texts {
		for kind, d := range documents(text) {
			if kind == "change" { // its fields that have changed are those of the table
				d.(*inventory.Document).Fields = []string{"label"}
			}
			strict.Document(t, kind, d)
		}
	}
}
