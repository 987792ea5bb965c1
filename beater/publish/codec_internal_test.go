package publish

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/event"
	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/testbed/strict"
	"github.com/qubesbeat/qubesbeat/module/flow"
)

// document returns a flow event as they are in a Qubes network.
func document() event.Document {
	work := &qube.Qube{Name: "work", Label: "blue", Class: "AppVM", Template: "debian-13", NetVM: "sys-log", XID: 4}
	f := event.Flow{Parties: event.Parties{Interface: "vif4.0", Qube: work, SourceQube: work, Attribution: event.Inventory, Direction: event.Outbound}}
	f.Record = meter.Record{Start: 1763750371949000000, End: 1763750372769000000, Born: 1763750371949000000, Family: 4,
		Proto: packet.ProtoTCP, State: meter.StateClosed, SynCount: 1, FromSource: packet.Inbound, HasMAC: true,
		Reason: meter.ReasonEnd}
	f.Source = meter.Endpoint{Addr: packet.Addr{10, 137, 0, 6}, Port: 43210, TCPFlags: 0x1b, Packets: 12, Bytes: 1450, Sent: true}
	f.Destination = meter.Endpoint{Addr: packet.Addr{198, 51, 100, 7}, Port: 443, TCPFlags: 0x1b, Packets: 17, Bytes: 18230, Sent: true}
	f.Client = f.Source.Addr.Netip(4)
	return &flow.Document{Flow: f}
}

// added are the fields that libbeat puts beside the document.
func added() mapstr.M {
	return mapstr.M{"agent": mapstr.M{"name": "sys-log", "type": "qubesbeat"}, "ecs": mapstr.M{"version": "8.0.0"},
		"host": mapstr.M{"name": "sys-log"}}
}

func decode(t *testing.T, text []byte, err error) (v map[string]any) {
	t.Helper()
	if err != nil {
		t.Fatalf("Encode = %v", err)
	}
	if !utf8.Valid(text) {
		t.Fatalf("not UTF-8: %q", text)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("not JSON: %v in %s", err, text)
	}
	return v
}

// TestDocumentCodec_Encode holds that our codec writes what libbeat's writes for
// the same document as a map, also when the fields beside it change.
func TestDocumentCodec_Encode(t *testing.T) {
	c, d := newCodec("9.3.0"), document()
	first, second := added(), added()
	second["tags"] = []string{"x"}
	for _, beside := range []mapstr.M{first, first, second, first} {
		direct, viaMap := beside.Clone(), mapstr.M(event.ToMap(d))
		for k, v := range beside {
			direct[k], viaMap[k] = v, v
		}
		direct[documentField] = d
		text, err := c.Encode("qubesbeat", &beat.Event{Timestamp: d.Time(), Fields: direct})
		got := decode(t, text, err)
		strict.Check(t, "event", text)
		text, err = c.plain.Encode("qubesbeat", &beat.Event{Timestamp: d.Time(), Fields: viaMap})
		if diff := cmp.Diff(decode(t, text, err), got); diff != "" {
			t.Errorf("mismatch (-libbeat +qubesbeat):\n%s", diff)
		}
	}
}

func BenchmarkDocumentCodec(b *testing.B) {
	c, d := newCodec("9.3.0"), document()
	fields := added()
	fields[documentField] = d
	e := &beat.Event{Timestamp: d.Time(), Fields: fields}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Encode("qubesbeat", e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLibbeatCodec(b *testing.B) {
	c, d := newCodec("9.3.0"), document()
	b.ReportAllocs()
	for b.Loop() {
		fields := mapstr.M(event.ToMap(d))
		for k, v := range added() {
			fields[k] = v
		}
		if _, err := c.plain.Encode("qubesbeat", &beat.Event{Timestamp: d.Time(), Fields: fields}); err != nil {
			b.Fatal(err)
		}
	}
}
