package flow_test

import (
	"math"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/event"
	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/flow"
)

// written returns how many bytes a document takes without the envelope.
func written(d event.Document) int {
	j := event.JSON{Buf: []byte{'{'}, AppendTime: func(b []byte, t time.Time) []byte { return t.AppendFormat(b, "2006-01-02T15:04:05.000Z") }}
	j.AppendFields(d)
	return len(j.Buf)
}

// TestDocument_Account estimates the size of an event well enough to share an output.
func TestDocument_Account(t *testing.T) {
	t.Parallel()
	long := tcpFlow()
	long.Domain, long.Hello = "www.a-rather-long-name.example.org", &clienthello.Hello{ServerName: "www.a-rather-long-name.example.org",
		JA4: "t13d1516h2_8daaf6152771_b186095e22b6", ALPN: []string{"h2", "http/1.1"}}
	tunnel := onVif(base("10.137.0.6:40000", "1.1.1.1:53"))
	tunnel.Outer.Kind = packet.TunnelGRE
	located := tcpFlow()
	located.DestinationPlace = &event.Place{Country: "AU", ASNumber: 13335, ASName: "Example, Inc."}
	for name, d := range map[string]*flow.Document{"located": located, "no qube": base("10.0.0.1:1", "10.0.0.2:2"), "udp": withMAC(onVif(base("10.137.0.6:40000", "1.1.1.1:53"))),
		"tcp": tcpFlow(), "icmp": icmpFlow(), "IPv6": onVif(base("[fd09::6]:40000", "[2606:4700:4700::1111]:53")), "hello": long, "tunnel": tunnel} {
		var a event.Account
		d.Account(&a)
		got, want := a.Size-event.EnvelopeSize, written(d)
		if off := math.Abs(float64(got-want)) / float64(want); off > 0.1 {
			t.Errorf("%s: Size = %d; %d are written", name, got, want)
		}
	}
}

// TestDocument_Account_counters has each packet counted once: in the final event of a flow,
// or, with delta reports, in each.
func TestDocument_Account_counters(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name           string
		reason         meter.Reason
		delta          bool
		inbound        bool
		count          uint64
		sent, received uint64
	}{
		{"final", meter.ReasonIdle, false, false, 1, 73, 105},
		{"interim", meter.ReasonNone, false, false, 0, 0, 0},
		{"delta", meter.ReasonNone, true, false, 0, 73, 105},
		{"inbound", meter.ReasonIdle, false, true, 1, 105, 73},
	} {
		d := onVif(base("10.137.0.6:40000", "1.1.1.1:53"))
		if d.Reason, d.Delta = tt.reason, tt.delta; tt.inbound {
			d.SourceQube, d.DestinationQube = nil, d.Qube
		} else {
			d.Qube = d.SourceQube
		}
		var a event.Account
		d.Account(&a)
		if a.Count != tt.count || a.Sent.Bytes != tt.sent || a.Received.Bytes != tt.received {
			t.Errorf("%s: counts %d, sent %d, received %d; want %d, %d, %d", tt.name, a.Count, a.Sent.Bytes, a.Received.Bytes, tt.count, tt.sent, tt.received)
		}
	}
}
