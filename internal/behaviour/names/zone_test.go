package names_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
)

// TestZone has what no one has registered counted by its last labels, and what has none that could be a
// suffix together.
func TestZone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, domain string
		suffix       bool
		want         string
	}{
		{"www.wikipedia.org", "wikipedia.org", true, "wikipedia.org"},
		{"0a1b2c3d.corp", "0a1b2c3d.corp", false, "corp"},
		{"0a1b2c3d.secret.passwd", "secret.passwd", false, "secret.passwd"},
		{"0a1b2c3d.t.example", "t.example", false, "t.example"},
		{"0a1b2c3d.9f8e7d6c.corp", "9f8e7d6c.corp", false, "corp"},
		{"printer.lan", "printer.lan", false, "lan"},
		{"dnscat.0a1b2c3d0a1b2c3d", "dnscat.0a1b2c3d0a1b2c3d", false, names.Root},
		{"dnscat.abcdefabcdefabcdef", "dnscat.abcdefabcdefabcdef", false, names.Root},
		{"kqzjwpxhv", "kqzjwpxhv", false, "kqzjwpxhv"},
		{"7.2.0.192.in-addr.arpa", "192.in-addr.arpa", true, "in-addr.arpa"},
	} {
		if got := names.Zone(tt.name, tt.domain, tt.suffix); got != tt.want {
			t.Errorf("Zone(%q) = %q; want %q", tt.name, got, tt.want)
		}
	}
	q := names.Query{Name: "dnscat.0a1b2c3d", Domain: names.Root}
	if q.Sub() != q.Name {
		t.Errorf("Sub = %q; want the whole name", q.Sub())
	}
}
