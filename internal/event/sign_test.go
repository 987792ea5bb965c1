package event_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// plain is a document with the objects that are signed, and others of their names.
type plain struct{}

func (plain) Time() time.Time             { return time.Time{} }
func (plain) Final() bool                 { return true }
func (plain) Identify(id *event.Identity) { id.Text("plain") }
func (plain) Write(w event.Writer) {
	w.Begin("inner")
	w.Begin("event")
	w.End()
	w.End()
	w.BeginList("list")
	w.Item()
	w.Begin("observer")
	w.End()
	w.End()
	w.EndList()
	w.Begin("event")
	w.String("kind", "event")
	w.End()
	w.Begin("observer")
	w.End()
}

func TestSigned_Write(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ sensor, want string }{
		{"laptop", `{"inner":{"event":{}},"list":[{"observer":{}}],"event":{"id":"x","kind":"event"},"observer":{"name":"laptop"}}`},
		{"", `{"inner":{"event":{}},"list":[{"observer":{}}],"event":{"id":"x","kind":"event"},"observer":{}}`},
	} {
		j := event.JSON{Buf: []byte{'{'}}
		j.AppendFields(&event.Signed{Document: plain{}, ID: "x", Sensor: tt.sensor})
		if diff := cmp.Diff(tt.want, string(j.Buf)+"}"); diff != "" {
			t.Errorf("mismatch (-want +got):\n%s", diff)
		}
	}
}

// A document without an identity gets its own when it is written, the same each time.
func TestSigned_Write_identity(t *testing.T) {
	t.Parallel()
	s := &event.Signed{Document: plain{}}
	var texts [2]string
	for i := range texts {
		j := event.JSON{Buf: []byte{'{'}}
		j.AppendFields(s)
		texts[i] = string(j.Buf)
	}
	want := event.IdentityOf(plain{}, "")
	if m := event.ToMap(s); m["event"].(map[string]any)["id"] != want {
		t.Errorf("as a map: %v; want the id %s", m, want)
	}
	if !strings.Contains(texts[0], `"id":"`+want+`"`) || texts[0] != texts[1] {
		t.Errorf("as JSON: %s, then %s; want the id %s", texts[0], texts[1], want)
	}
}

// TestIdentity keeps parts apart.
func TestIdentity(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, add := range map[string]func(*event.Identity){
		"none":        func(*event.Identity) {},
		"ab, c":       func(i *event.Identity) { i.Text("ab"); i.Text("c") },
		"a, bc":       func(i *event.Identity) { i.Text("a"); i.Text("bc") },
		"1":           func(i *event.Identity) { i.Number(1) },
		"256":         func(i *event.Identity) { i.Number(256) },
		"an address":  func(i *event.Identity) { i.AddrPort(netip.MustParseAddrPort("10.0.0.1:53")) },
		"another one": func(i *event.Identity) { i.AddrPort(netip.MustParseAddrPort("10.0.0.15:3")) },
		"invalid":     func(i *event.Identity) { i.AddrPort(netip.AddrPort{}) },
	} {
		var id event.Identity
		id.Text("to be forgotten")
		id.Reset()
		add(&id)
		s := id.String()
		if other, ok := seen[s]; ok || len(s) != 22 {
			t.Errorf("%s has the identity %q, as %q", name, s, other)
		}
		seen[s] = name
	}
}

// Two sensors that see the same have two events.
func TestIdentityOf_sensor(t *testing.T) {
	t.Parallel()
	a, b := event.IdentityOf(plain{}, "laptop-a"), event.IdentityOf(plain{}, "laptop-b")
	if again := event.IdentityOf(plain{}, "laptop-a"); a == b || a != again {
		t.Errorf("identities: %s, %s, and %s again", a, b, again)
	}
}
