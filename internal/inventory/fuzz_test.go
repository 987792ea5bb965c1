package inventory_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

func FuzzParseLines(f *testing.F) {
	for _, tt := range lineCases() {
		f.Add([]byte(tt.in))
	}

	f.Fuzz(fuzzParse)
}

func FuzzParseJSON(f *testing.F) {
	for _, tt := range jsonCases() {
		f.Add([]byte(tt.in))
	}

	f.Fuzz(fuzzParse)
}

// fuzzParse holds whatever Parse accepts to the promises of Snapshot, and sees that an Index gives it back.
func fuzzParse(t *testing.T, data []byte) {
	s, err := inventory.Parse(bytes.NewReader(data), inventory.Config{})
	if (s == nil) != (err != nil) {
		t.Fatalf("Parse = %v, %v; want exactly one of them", s, err)
	}

	if err != nil {
		return
	}

	index, now := inventory.NewIndex(inventory.Config{}), time.Unix(1700000000, 0)
	if changes := index.Update(s, now); len(changes) != len(s.Qubes) {
		t.Errorf("Update = %d changes; want %d", len(changes), len(s.Qubes))
	}

	checkUpstream(t, s)
	names, addrs, xids := map[string]bool{}, map[netip.Addr]bool{}, map[int32]bool{}
	for i := range s.Qubes {
		q := &s.Qubes[i]
		checkQube(t, q)
		once(t, names, q.Name)

		for _, a := range []netip.Addr{q.IP, q.IP6} {
			if !a.IsValid() {
				continue
			}

			once(t, addrs, a)

			if got := index.ByAddr(a, now); got == nil || got.Name != q.Name {
				t.Errorf("ByAddr(%v) = %v; want %s", a, got, q.Name)
			}
		}

		if q.XID >= 0 {
			once(t, xids, q.XID)
		}
	}
}

// checkQube checks that q is valid by itself.
func checkQube(t *testing.T, q *qube.Qube) {
	t.Helper()

	if err := qube.ValidName(q.Name); err != nil {
		t.Error(err)
	}

	for _, optional := range []struct {
		text  string
		valid func(string) error
	}{{q.Label, qube.ValidLabel}, {q.Class, qube.ValidClass}, {q.NetVM, qube.ValidName}, {q.Template, qube.ValidName},
		{q.Exit, qube.ValidExit}} {
		if err := optional.valid(optional.text); optional.text != "" && err != nil {
			t.Error(err)
		}
	}

	if q.IP.IsValid() && !q.IP.Is4() || q.IP6.IsValid() && (!q.IP6.Is6() || q.IP6.Is4In6() || q.IP6.Zone() != "") {
		t.Errorf("addresses of %s = %v, %v; want one of each family", q.Name, q.IP, q.IP6)
	}

	if q.XID < qube.NoDomain || q.XID > qube.MaxDomain {
		t.Errorf("xid of %s = %d; want a domain id or -1", q.Name, q.XID)
	}
}

// checkUpstream checks that the netvms are valid, and that no lookup finds them.
func checkUpstream(t *testing.T, s *inventory.Snapshot) {
	t.Helper()

	names := map[string]bool{}
	for i := range s.Qubes {
		names[s.Qubes[i].Name] = true
	}
	for _, u := range s.Upstream {
		once(t, names, u.Name)
		if err := qube.ValidName(u.Name); err != nil {
			t.Error(err)
		}
		if err := qube.ValidClass(u.Class); u.Class != "" && err != nil {
			t.Error(err)
		}
	}
	if len(s.Upstream) > 64 {
		t.Errorf("%d netvms; want 64 at most", len(s.Upstream))
	}
}

// once checks that key was not seen before.
func once[K comparable](t *testing.T, seen map[K]bool, key K) {
	t.Helper()

	if seen[key] {
		t.Errorf("%v is there twice; want it once", key)
	}

	seen[key] = true
}
