package dns

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/config"
)

// TestAttack12_mayBePrivate names the servers of lists that may have private
// addresses.
func TestAttack12_mayBePrivate(t *testing.T) {
	t.Parallel()
	c := config.Default().Resolver
	c.Listen = []string{"127.0.0.1:5353"}
	c.Rebinding.Allow = []string{"lists.example", "*.tree.example"}
	c.Zones = []config.ResolverZone{{Names: []string{"corp.example", "."}, Servers: []string{"udp://10.0.0.1"}}}
	s, err := Parse(&c)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{"nas": true, "nas.lan": true, "NAS.home.arpa": true, "localhost": true, "lists.example": true,
		"x.tree.example": true, "git.corp.example": true, "example.com": false, "raw.githubusercontent.com": false, "notcorp.example": false, "": false} {
		if got := s.mayBePrivate(host); got != want {
			t.Errorf("mayBePrivate(%q) = %v; want %v", host, got, want)
		}
	}
}
