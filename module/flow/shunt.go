package flow

import (
	"github.com/qubesbeat/qubesbeat/internal/capture"
	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/shunt"
)

// shunting is the shunt of a live capture, or why there is none. A nil one is that of a
// replay.
type shunting struct {
	shunt *shunt.Shunt // nil for none
	state string       // on, or off and why
}

var _ capture.Shunt = (*shunting)(nil) // type check

// openShunt opens the shunt, if there is to be one and the kernel has it.
func (s *Service) openShunt() *shunting {
	defer s.dropPrivilege() // also if it stays off, as with verification
	if why := s.unshunted(); why != "" {
		return &shunting{state: "off: " + why}
	}
	conf := shunt.Config{ClientHellos: s.hellos != nil, Silence: s.conf.Flows.Timeout.D() / 2}
	if s.payload != nil {
		conf.TCPPorts, conf.UDPPorts = s.payload.TCPPorts, s.payload.UDPPorts
	}
	if s.hellos != nil {
		conf.Wanted = func(p *packet.Packet) bool { return !s.hellos.Reading(p) }
	}
	if s.keeper != nil {
		conf.Captured = s.keeper.Wants
	}
	kernel, err := shunt.Open(conf)
	if err != nil {
		s.deps.Logger.Info("capturing every packet: the kernel does not count flows for us", "reason", err.Error())
		return &shunting{state: "off: " + err.Error()}
	}
	if s.keeper != nil {
		return &shunting{shunt: kernel, state: "on: for qubes whose packets are not stored"}
	}
	return &shunting{shunt: kernel, state: "on"}
}

// dropPrivilege gives up what only the shunt needs.
func (s *Service) dropPrivilege() {
	if err := shunt.DropPrivilege(); err != nil {
		s.deps.Logger.Warn("giving up CAP_BPF failed; the beat keeps it", "error", err.Error())
	}
}

// unshunted returns why the shunt must not be used, "" if it may be: someone wants to see
// each packet, or a filter decides on each.
func (s *Service) unshunted() string {
	if !s.conf.Flows.Enabled {
		return "flows are off"
	}
	if s.conf.Dump != "" {
		return "packets are dumped"
	}
	if s.headers {
		return "verification looks at each packet"
	}
	for i := range s.conf.Interfaces {
		switch n := &s.conf.Interfaces[i]; {
		case n.NoShunt():
			return "interfaces.shunt"
		case n.BPFFilter != "":
			return "interfaces.bpf_filter"
		case n.FanoutGroup != nil:
			return "interfaces.fanout_group"
		}
	}
	return ""
}

// Attach implements [capture.Shunt]. A kernel that refuses it leaves every packet to the
// ring.
func (s *shunting) Attach(fd int) error {
	if err := s.shunt.Attach(fd); err != nil {
		s.state = "off: " + err.Error()
	}
	return nil
}

// Detach implements [capture.Shunt].
func (s *shunting) Detach() { s.shunt.Detach() }

// ring returns the shunt as the capture needs it, nil for none.
func (s *shunting) ring() capture.Shunt {
	if s.shunt == nil {
		return nil
	}
	return s
}

// table returns the shunt as the flow table needs it, nil for none.
func (s *shunting) table() meter.Shunt {
	if s == nil || s.shunt == nil {
		return nil
	}
	return s.shunt
}

// close removes the shunt.
func (s *shunting) close() error {
	if s == nil || s.shunt == nil {
		return nil
	}
	return s.shunt.Close()
}

// metrics adds the counters.
func (s *shunting) metrics(m *metrics.Set, t *meter.Stats) {
	if s == nil {
		return
	}
	m.Text("shunt", s.state)
	m.Add("shunted_frames", t.ShuntedPackets)
	m.Add("shunted_bytes", t.ShuntedBytes)
	if s.shunt == nil {
		return
	}
	c := s.shunt.Stats()
	m.Add("shunt_flows", c.Flows)
	m.Add("shunt_live", c.Live)
	m.Add("shunt_full", c.Refused)
	m.Add("shunt_late", c.Late)
}
