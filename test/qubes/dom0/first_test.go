package dom0_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// parse reads a push as the logging qube does.
func parse(t testing.TB, p dom0.Push) []qube.Qube {
	t.Helper()
	s, err := inventory.Parse(bytes.NewReader(p.Text), inventory.Config{})
	if err != nil {
		t.Fatalf("the logging qube refuses %s: %v", p.Text, err)
	}
	return s.Qubes
}

// expect returns what a logging qube should know of the world: of the qubes that
// are behind it what qvm-ls prints, without their state and UUID.
func expect(t testing.TB, qubes map[string]*dom0.Qube, logging string) (want []qube.Qube) {
	t.Helper()
	var text bytes.Buffer
	text.WriteString("#fields NAME|CLASS|LABEL|NETVM|IP|IP6|TEMPLATE|PROVIDES_NETWORK|XID\n")
	for _, name := range slices.Sorted(maps.Keys(qubes)) {
		if q := qubes[name]; dom0.LeadsThrough(qubes, name, logging) {
			cells := []string{q.Name, q.Class, q.Label, q.NetVM, q.IP, q.IP6, q.Template, q.Provides, q.XID}
			text.WriteString(strings.Join(cells, "|") + "\n")
		}
	}
	s, err := inventory.Parse(&text, inventory.Config{})
	if err != nil {
		t.Fatalf("parsing what qvm-ls printed: %v", err)
	}
	return s.Qubes
}

// sameQubes compares in any order.
func sameQubes(want, got []qube.Qube) string {
	return cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty(),
		cmpopts.SortSlices(func(a, b qube.Qube) bool { return a.Name < b.Name }))
}

func TestScript_first(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		r := newRig(t, release, dom0.Behaviour{})
		_, p := r.begin(t)
		if diff := sameQubes(expect(t, dom0.Qubes(t, release), "sys-log"), parse(t, p)); diff != "" {
			t.Errorf("first push mismatch (-want +got):\n%s", diff)
		}
		holdsNoMore(t, p, dom0.Qubes(t, release))
	})
}

// holdsNoMore checks that a push has nothing of the other qubes and no other fields.
func holdsNoMore(t *testing.T, p dom0.Push, qubes map[string]*dom0.Qube) {
	t.Helper()
	for _, secret := range []string{"vault", "dom0", "sys-net", "sys-vpn", "sys-usb", "fedora-41-xfce", "remote-box", "192.168.1.2", "6.6.77", "default_user"} {
		if bytes.Contains(p.Text, []byte(secret)) {
			t.Errorf("the push has %q in it", secret)
		}
	}
	for _, q := range qubes {
		if bytes.Contains(p.Text, []byte(q.UUID)) {
			t.Errorf("the push has the UUID of %s in it", q.Name)
		}
	}
	var whole struct{ Qubes []map[string]any }
	if err := json.Unmarshal(p.Text, &whole); err != nil {
		t.Fatal(err)
	}
	needed := []string{"class", "ip", "ip6", "label", "name", "netvm", "provides_network", "template", "xid"}
	for _, q := range whole.Qubes {
		for key := range q {
			if !slices.Contains(needed, key) {
				t.Errorf("%v has the field %q", q["name"], key)
			}
		}
		if q["name"] == "sys-log" || q["class"] == "TemplateVM" {
			t.Errorf("%v is in the push", q["name"])
		}
	}
}

// TestScript_otherName checks that another qube may be the logging one.
func TestScript_otherName(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		r := newRig(t, release, dom0.Behaviour{})
		_, p := r.begin(t, "sys-fw2")
		if diff := sameQubes(expect(t, dom0.Qubes(t, release), "sys-fw2"), parse(t, p)); diff != "" {
			t.Errorf("first push mismatch (-want +got):\n%s", diff)
		}
		if !slices.Contains(p.Args, "sys-fw2") || slices.Contains(p.Args, "sys-log") {
			t.Errorf("qvm-run %q; want sys-fw2 to be called", p.Args)
		}
	})
}
