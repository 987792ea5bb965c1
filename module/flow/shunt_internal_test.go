package flow

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/config"
)

// TestService_unshunted has the kernel count no flow where each packet is wanted.
func TestService_unshunted(t *testing.T) {
	t.Parallel()
	group := uint16(1)
	for _, tt := range []struct {
		want   string
		change func(*Service)
	}{
		{"", func(*Service) {}},
		{"flows are off", func(s *Service) { s.conf.Flows.Enabled = false }},
		{"packets are dumped", func(s *Service) { s.conf.Dump = "x" }},
		{"", func(s *Service) { s.keeper = fakeKeeper(256) }}, // which says of which vifs
		{"verification looks at each packet", func(s *Service) { s.WantHeaders() }},
		{"interfaces.shunt", func(s *Service) { s.conf.Interfaces[1].Shunt = "off" }},
		{"interfaces.shunt", func(s *Service) { s.conf.Interfaces[0].Shunt = "false" }},
		{"", func(s *Service) { s.conf.Interfaces[1].Shunt = "auto" }},
		{"interfaces.bpf_filter", func(s *Service) { s.conf.Interfaces[1].BPFFilter = "tcp" }},
		{"interfaces.fanout_group", func(s *Service) { s.conf.Interfaces[0].FanoutGroup = &group }},
	} {
		s := New(Config{Flows: config.Flows{Enabled: true}, Interfaces: make([]config.Interface, 2)}, Deps{})
		tt.change(s)
		if got := s.unshunted(); got != tt.want {
			t.Errorf("unshunted = %q; want %q", got, tt.want)
		}
	}
}
