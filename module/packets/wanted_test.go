package packets_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/module/flow"
	"github.com/qubesbeat/qubesbeat/module/packets"
)

const community = "1:9c2vSfmvKXfiKSFwhs1xla45+6M="

// record is of a flow with an identifier that is worth something.
var record = meter.Record{Family: 4, Proto: packet.ProtoUDP, Born: 1_700_000_000e9, Source: meter.Endpoint{Port: 5353}}

func flowEvent(final bool, packets int) string {
	return fmt.Sprintf(`{"@timestamp": "2023-11-14T22:13:20.020Z", "event": {"start": "2023-11-14T22:13:20.000Z", "end": "2023-11-14T22:13:20.020Z"},
		"flow": {"id": %q, "final": %v}, "network": {"community_id": %q, "iana_number": "17", "transport": "udp", "packets": %d},
		"source": {"ip": "10.137.0.2", "port": 5353}, "destination": {"ip": "1.1.1.1", "port": 53}, "qube": {"name": "work", "vif": "vif7.0"}}`,
		flow.ID(&record), final, community, packets)
}

const queryEvent = `{"@timestamp": "2023-11-14T22:20:00Z", "network": {"community_id": "` + community + `", "transport": "udp"},
	"source": {"ip": "10.137.0.2", "port": 5353}, "destination": {"ip": "10.139.1.1", "port": 53}, "qube": {"name": "work"}}`

// findingEvent is about many flows, and names none.
const findingEvent = `{"@timestamp": "2023-11-14T22:30:00Z", "event": {"dataset": "qubesbeat.finding"}, "source": {"ip": "10.137.0.2"}, "qube": {"name": "work"}}`

var info = &packetstore.FlowInfo{Source: netip.MustParseAddr("10.137.0.2"), Destination: netip.MustParseAddr("1.1.1.1"), SourcePort: 5353, DestinationPort: 53, Protocol: 17}

// TestWanted_Read takes from events of any kind which packets they are about.
func TestWanted_Read(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	ends := func(f packetstore.FlowInfo) *packetstore.FlowInfo { return &f }
	resolver := ends(*info)
	resolver.Destination = netip.MustParseAddr("10.139.1.1")
	key := []uint64{flow.Key(&record)}
	for _, tt := range []struct {
		name, in string
		want     packetstore.Query
		packets  uint64 // expected, 0 if that is not known
	}{
		{"flow", flowEvent(true, 7), packetstore.Query{Keys: key, Flows: []*packetstore.FlowInfo{info},
			From: at("2023-11-14T22:13:20Z"), To: at("2023-11-14T22:13:20.020999999Z")}, 7},
		{"from Elasticsearch", `{"_index": "x", "_source": ` + flowEvent(true, 7) + `}`, packetstore.Query{Keys: key, Flows: []*packetstore.FlowInfo{info},
			From: at("2023-11-14T22:13:20Z"), To: at("2023-11-14T22:13:20.020999999Z")}, 7},
		{"interim and two final", flowEvent(false, 3) + "\n" + flowEvent(false, 5) + flowEvent(true, 7) + flowEvent(true, 2),
			packetstore.Query{Keys: key, Flows: []*packetstore.FlowInfo{info, info, info, info}, From: at("2023-11-14T22:13:20Z"), To: at("2023-11-14T22:13:20.020999999Z")}, 9},
		{"interim", flowEvent(false, 3) + flowEvent(false, 5),
			packetstore.Query{Keys: key, Flows: []*packetstore.FlowInfo{info, info}, From: at("2023-11-14T22:13:20Z"), To: at("2023-11-14T22:13:20.020999999Z")}, 5},
		{"the same final one twice", flowEvent(true, 7) + flowEvent(true, 7),
			packetstore.Query{Keys: key, Flows: []*packetstore.FlowInfo{info, info}, From: at("2023-11-14T22:13:20Z"), To: at("2023-11-14T22:13:20.020999999Z")}, 7},
		{"an array, behind a byte order mark", "\uFEFF\n[" + flowEvent(true, 7) + ", " + flowEvent(true, 2) + "]\n",
			packetstore.Query{Keys: key, Flows: []*packetstore.FlowInfo{info, info}, From: at("2023-11-14T22:13:20Z"), To: at("2023-11-14T22:13:20.020999999Z")}, 9},
		{"one of no flow", findingEvent + flowEvent(true, 7), packetstore.Query{Keys: key, Flows: []*packetstore.FlowInfo{info},
			From: at("2023-11-14T22:13:20Z"), To: at("2023-11-14T22:13:20.020999999Z")}, 7},
		{"query", queryEvent, packetstore.Query{CommunityIDs: []string{community}, Flows: []*packetstore.FlowInfo{resolver}, Qube: "work",
			From: at("2023-11-14T22:15:00Z"), To: at("2023-11-14T22:25:00.000999999Z")}, 0},
		{"query of the resolver", strings.Replace(queryEvent, `"network"`, `"event": {"dataset": "qubesbeat.dns"}, "network"`, 1), packetstore.Query{
			Ends: []packetstore.End{{Addr: netip.MustParseAddrPort("10.137.0.2:5353"), Protocol: 17}}, Qube: "work",
			From: at("2023-11-14T22:15:00Z"), To: at("2023-11-14T22:25:00.000999999Z")}, 0},
		{"both", flowEvent(true, 7) + queryEvent, packetstore.Query{Keys: key, CommunityIDs: []string{community}, Flows: []*packetstore.FlowInfo{info, resolver},
			From: at("2023-11-14T22:13:20Z"), To: at("2023-11-14T22:25:00.000999999Z")}, 0},
		{"ICMP, addresses only", `{"event": {"start": "2023-11-14T22:20:00Z"}, "network": {"transport": "icmp"}, "flow": {"icmp": {"type": 3, "code": 1}}, "source": {"ip": "10.137.0.2"}, "destination": {"ip": "1.1.1.1"}}`,
			packetstore.Query{Flows: []*packetstore.FlowInfo{{Source: info.Source, Destination: info.Destination, SourcePort: 3, DestinationPort: 1, Protocol: 1}},
				From: at("2023-11-14T22:15:00Z"), To: at("2023-11-14T22:25:00.000999999Z")}, 0},
		{"tunnel", strings.Replace(flowEvent(true, 7), `"final": true`, `"final": true, "tunnel": {"inner": {"iana_number": "6", "source": {"ip": "fd00::1", "port": 1}, "destination": {"ip": "fd00::2", "port": 2}}}`, 1),
			packetstore.Query{Keys: key, Flows: []*packetstore.FlowInfo{{Source: netip.MustParseAddr("fd00::1"), Destination: netip.MustParseAddr("fd00::2"), SourcePort: 1, DestinationPort: 2, Protocol: 6}},
				From: at("2023-11-14T22:13:20Z"), To: at("2023-11-14T22:13:20.020999999Z")}, 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var w packets.Wanted
			if err := w.Read(strings.NewReader(tt.in), "event.json"); err != nil {
				t.Fatal(err)
			}
			w.Match = nil
			if diff := cmp.Diff(tt.want, w.Query, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
				t.Errorf("query mismatch (-want +got):\n%s", diff)
			}
			if n, known := w.Expected(); n != tt.packets || known != (tt.packets > 0) {
				t.Errorf("Expected = %d, %v; want %d", n, known, tt.packets)
			}
		})
	}
}

// TestWanted_Read_refused says which event of which file is no use, and why.
func TestWanted_Read_refused(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                       "event.json is empty",
		"x":                                      "event.json, event 1: invalid character",
		queryEvent + "{}":                        "event.json, event 2: it has no time",
		queryEvent + "[1]":                       "event.json, event 2: json: cannot unmarshal",
		`{"@timestamp": "2023-11-14T22:20:00Z"}`: "event.json, event 1: it names no flow",
		`{"@timestamp": "2023-11-14T22:20:00Z", "flow": {"id": "x"}}`:                                                                            `flow.id "x" is none of this beat`,
		`{"@timestamp": "2023-11-14T22:20:00Z", "source": {"ip": "1.1.1.1"}, "destination": {"ip": "1.1.1.2"}, "network": {"transport": "esp"}}`: "names no flow",
		`{"@timestamp": "2023-11-14T22:20:00Z", "source": {"ip": "host"}}`:                                                                       `unable to parse IP`,
		strings.Repeat(queryEvent, 1001): "there are more than 1000",
		strings.Repeat(" ", 65<<20):      "has more than 64 MiB",
	} {
		var w packets.Wanted
		if err := errors.Join(w.Read(strings.NewReader(in), "event.json"), w.Usable()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Read(%.60q) = %v; want %q", in, err, want)
		}
	}
}

// TestWanted_Around takes all packets of a qube around events of any kind, and refuses an event that
// names no qube.
func TestWanted_Around(t *testing.T) {
	t.Parallel()
	w := packets.Wanted{AllOfQube: true}
	if err := w.Read(strings.NewReader(findingEvent+flowEvent(true, 7)), "event.json"); err != nil || len(w.Skipped) > 0 {
		t.Fatalf("Read = %v, skipped %v; want neither", err, w.Skipped)
	}
	queries := w.Around(5 * time.Minute)
	if len(queries) != 1 || queries[0].Qube != "work" || queries[0].From.Format(time.TimeOnly) != "22:08:20" || queries[0].To.Format(time.TimeOnly) != "22:35:00" {
		t.Errorf("Around = %+v; want one of work, from 22:08:20 to 22:35:00", queries)
	}
	if err := w.Read(strings.NewReader(`{"@timestamp": "2023-11-14T22:20:00Z"}`), "event.json"); err == nil || !strings.Contains(err.Error(), "it names no qube") {
		t.Errorf("Read = %v of an event that names no qube", err)
	}
}

// FuzzWanted_Read reads whatever it is given.
func FuzzWanted_Read(f *testing.F) {
	f.Add(flowEvent(true, 7) + queryEvent)
	f.Add(`{"_source": {}}`)
	f.Fuzz(func(t *testing.T, in string) {
		var w packets.Wanted
		if err := w.Read(strings.NewReader(in), "event.json"); errors.Join(err, w.Usable()) == nil && len(w.Events) == 0 {
			t.Error("Read = nil without an event")
		}
		w.Expected()
	})
}
