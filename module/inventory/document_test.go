package inventory_test

import (
	"flag"
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/golden"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/version"
	"github.com/qubesbeat/qubesbeat/module/inventory"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// t0 is when the changes came.
var t0 = time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)

// work returns a qube with everything that an inventory can say.
func work(change ...func(*qube.Qube)) *qube.Qube {
	q := &qube.Qube{Name: "work", Class: qube.ClassApp, State: "Running", Label: "blue", NetVM: "sys-log",
		Template: "debian-12", UUID: "2a0d7e73-f517-519e-9535-35d779a1a0be", XID: 7, Tags: []string{"a"},
		IP: netip.MustParseAddr("10.137.0.6"), IP6: netip.MustParseAddr("fd09::6")}
	for _, c := range change {
		c(q)
	}
	return q
}

func changes() map[string]event.QubeChange {
	return map[string]event.QubeChange{
		"appeared": {At: t0, Action: "appeared", After: work()},
		"vanished": {At: t0, Action: "vanished", Before: work()},
		"changed": {At: t0, Action: "changed", Fields: []string{"label", "netvm", "xid", "exit"}, After: work(func(q *qube.Qube) { q.Exit = qube.ExitVPN }),
			Before: work(func(q *qube.Qube) { q.Label, q.NetVM, q.XID, q.Exit = "red", "", qube.NoDomain, qube.ExitClear })},
		"bare": {At: t0, Action: "appeared", After: &qube.Qube{Name: "vault", XID: qube.NoDomain}},
	}
}

// TestDocument_Write compares with testdata/*.golden.json, which -update
// rewrites. The version is left out.
func TestDocument_Write(t *testing.T) {
	t.Parallel()
	for name, c := range changes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &inventory.Document{QubeChange: c}
			if !d.Final() || !d.Time().Equal(t0) {
				t.Errorf("Final, Time = %v, %v; want true, %v", d.Final(), d.Time(), t0)
			}
			fields := event.ToMap(d)
			if observer, _ := fields["observer"].(map[string]any); observer["version"] != version.Version {
				t.Errorf("observer = %v; want version %s", observer, version.Version)
			} else {
				delete(observer, "version")
			}
			golden.Compare(t, name, fields, *update)
		})
	}
}
