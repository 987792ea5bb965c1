package qube_test

import (
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

func TestQube_Owns(t *testing.T) {
	t.Parallel()

	work := &qube.Qube{
		Name: "work",
		IP:   netip.MustParseAddr("10.137.0.6"),
		IP6:  netip.MustParseAddr("fd09:24ef:4179::a89:6"),
	}

	tests := []struct {
		name string
		qube *qube.Qube
		addr netip.Addr
		want bool
	}{
		{"ipv4", work, netip.MustParseAddr("10.137.0.6"), true},
		{"ipv6", work, netip.MustParseAddr("fd09:24ef:4179:0::a89:6"), true},
		{"mapped", work, netip.MustParseAddr("::ffff:10.137.0.6"), true},
		{"other", work, netip.MustParseAddr("10.137.0.7"), false},
		{"none", work, netip.Addr{}, false},
		{"no addresses", &qube.Qube{Name: "vault"}, netip.Addr{}, false},
		{"nil", nil, netip.MustParseAddr("10.137.0.6"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if got := tt.qube.Owns(tt.addr); got != tt.want {
				t.Errorf("Owns(%v) = %v; want %v", tt.addr, got, tt.want)
			}
		})
	}
}
