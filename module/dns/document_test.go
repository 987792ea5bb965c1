package dns_test

import (
	"flag"
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/golden"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/module/dns"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var t0 = time.Date(2023, 11, 14, 22, 13, 20, 123e6, time.UTC)

// entry is a query for WWW.Example.co.uk and its answer.
func entry(t testing.TB, change func(e *dnsevent.Entry)) *dnsevent.Entry {
	t.Helper()
	name, err := dnsmsg.ParseName(nil, "WWW.Example.co.uk")
	if err != nil {
		t.Fatal(err)
	}
	reply := dnsmsg.AppendQuestion(dnsmsg.AppendHeader(nil, 4711, dnsmsg.FlagQR|dnsmsg.FlagRD|dnsmsg.FlagRA), name, dnsmsg.TypeA, dnsmsg.ClassIN)
	reply = dnsmsg.AppendRecord(reply, nil, dnsmsg.TypeA, dnsmsg.ClassIN, 60, []byte{93, 184, 216, 34})
	dnsmsg.SetCounts(reply, 1, 1, 0, 0)
	e := &dnsevent.Entry{At: t0.UnixNano(), Duration: 1_843_000, From: netip.MustParseAddrPort("10.137.0.15:40001"),
		Local: netip.MustParseAddrPort("10.137.0.5:5353"), ID: 4711, Flags: dnsmsg.FlagRD, Type: dnsmsg.TypeA, Class: dnsmsg.ClassIN, EDNS: true, UDPSize: 1232,
		Version: 7, UpstreamGroup: "default", Size: 46, ReplyLen: len(reply), Count: 1, Name: name, Reply: reply, Outcome: dnsevent.Outcome{EDE: dnsmsg.NoEDE}}
	change(e)
	return e
}

// TestDocument_Write compares with testdata/*.golden.json, which -update
// rewrites, for each thing that can become of a query.
func TestDocument_Write(t *testing.T) {
	t.Parallel()
	work := &qube.Qube{Name: "work", Class: qube.ClassApp, Label: "blue", NetVM: "sys-log", IP: netip.MustParseAddr("10.137.0.15"), XID: 7}
	server := &dnsevent.Server{URL: "tls://9.9.9.9:853#dns.quad9.net", Endpoint: "9.9.9.9:853", Protocol: "tls"}
	for name, change := range map[string]func(e *dnsevent.Entry){
		"resolved": func(e *dnsevent.Entry) {
			e.Outcome.From, e.Upstream, e.Attempts, e.Took = dnsevent.FromUpstream, server, 1, 14_000_000
		},
		"cached": func(e *dnsevent.Entry) {
			e.Action, e.Outcome.From, e.Age, e.Left = dnsevent.Cached, dnsevent.FromCache, 12, 48
		},
		"blocked": func(e *dnsevent.Entry) {
			e.Action, e.Outcome.From, e.Match, e.EDE, e.List = dnsevent.Blocked, dnsevent.FromBlocking, dnsevent.MatchName, dnsmsg.EDEBlocked, "ads"
			e.Hit = dnsevent.Hit{Tree: true, At: 4}
		},
		"refused": func(e *dnsevent.Entry) {
			e.Action, e.Outcome.From, e.Match, e.EDE, e.RCode = dnsevent.Refused, dnsevent.FromError, dnsevent.MatchFirewall, dnsmsg.EDEProhibited, dnsmsg.Refused
			e.Err, e.Reply, e.TCP = "qvm-firewall: policy drops DNS over tcp", e.Reply[:len(e.Reply)-16], true
			dnsmsg.SetCounts(e.Reply, 1, 0, 0, 0)
		},
		"dropped": func(e *dnsevent.Entry) {
			e.Action, e.Outcome.From, e.Match, e.Count = dnsevent.Dropped, dnsevent.FromError, dnsevent.MatchRate, 917
			e.Name, e.Reply, e.ReplyLen, e.Size, e.Local = nil, nil, 0, 0, netip.AddrPort{}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := dns.NewDocument(entry(t, change), event.Parties{Interface: "vif7.0", Qube: work, SourceQube: work, Client: work.IP,
				Attribution: event.Inventory, Direction: event.Outbound})
			fields := event.ToMap(d)
			if observer, ok := fields["observer"].(map[string]any); ok {
				delete(observer, "version")
			}
			golden.Compare(t, name, fields, *update)
		})
	}
}

// TestNew holds that a document does not change when its entry is used again.
func TestNew(t *testing.T) {
	t.Parallel()
	e := entry(t, func(*dnsevent.Entry) {})
	d := dns.NewDocument(e, event.Parties{})
	before := event.ToMap(d)["dns"].(map[string]any)["resolved_ip"].([]string)[0]
	clear(e.Name)
	clear(e.Reply)
	if after := event.ToMap(d)["dns"].(map[string]any)["resolved_ip"].([]string)[0]; after != before || d.Question() != "www.example.co.uk" {
		t.Errorf("the document has changed: %s, %s", after, d.Question())
	}
}
