package source

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"

	"golang.org/x/net/bpf"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pcapfilter"
)

// openLive opens one ring over the devices of all interfaces. Where interfaces
// differ in a number, the largest counts: the ring is shared.
func openLive(c *Config) (*Source, error) {
	var devices []string
	interfaces, log := c.Interfaces, c.Logger
	cfg := capture.RingConfig{Snap: c.Snap, Prompt: c.Prompt, Brief: c.Brief}
	for i := range interfaces {
		devices = append(devices, interfaces[i].Device...)
		cfg.Size = max(cfg.Size, interfaces[i].BufferSizeMB<<20)
		if interfaces[i].FanoutGroup != nil {
			cfg.Fanout = interfaces[i].FanoutGroup
		}
	}
	devices, err := byIndex(devices)
	if err != nil {
		return nil, err
	}
	if cfg.Matcher, err = capture.NewMatcher(devices); err != nil {
		return nil, err
	}
	if err := checkDevices(cfg.Matcher, log); err != nil {
		return nil, err
	}
	if cfg.Filters, err = filters(interfaces); err != nil {
		return nil, err
	}
	if cfg.Promiscuous, err = promiscuous(interfaces); err != nil {
		return nil, err
	}
	cfg.OnLink = func(l capture.LinkInfo, followed bool) {
		if followed {
			log.Info("following interface", "interface", l.Name, "index", l.Index)
		} else {
			log.Info("interface is gone", "interface", l.Name, "index", l.Index)
			if c.Gone != nil {
				c.Gone(l.Index)
			}
		}
	}
	cfg.OnFault = func(err error) {
		log.Warn("following interfaces failed; trying again", "error", err.Error())
	}
	cfg.Guard, cfg.Shunt = c.Guard, c.Shunt
	ring, err := capture.OpenRing(cfg)
	if err != nil {
		return nil, err
	}
	log.Info("capturing", "devices", devices)
	return &Source{Source: ring, live: ring, Now: wallClock}, nil
}

// promiscuous returns the devices of the interfaces that ask for that mode, nil
// for none. As in packetbeat, "any" is no device.
func promiscuous(interfaces []config.Interface) (*capture.Matcher, error) {
	var devices []string
	for i := range interfaces {
		if interfaces[i].AutoPromisc {
			devices = append(devices, interfaces[i].Device...)
		}
	}
	devices = slices.DeleteFunc(devices, func(d string) bool { return d == capture.DeviceAny })
	if len(devices) == 0 {
		return nil, nil
	}
	devices, err := byIndex(devices)
	if err != nil {
		return nil, err
	}
	return capture.NewMatcher(devices)
}

// filters compiles the filters of the user, none where there are none.
func filters(interfaces []config.Interface) (list []capture.Filter, err error) {
	wanted := false
	for i := range interfaces {
		f := capture.Filter{}
		devices, err := byIndex(interfaces[i].Device)
		if err != nil {
			return nil, err
		}
		if f.Devices, err = capture.NewMatcher(devices); err != nil {
			return nil, err
		}
		if expr := interfaces[i].BPFFilter; expr != "" {
			wanted = true
			if f.Ethernet, f.Raw, err = compile(expr); err != nil {
				return nil, fmt.Errorf("interfaces.%d.bpf_filter: %w", i, err)
			}
		}
		list = append(list, f)
	}
	if !wanted {
		return nil, nil
	}
	return list, nil
}

// compile translates a filter for interfaces with Ethernet frames and for those
// without, such as tun. What only Ethernet has, nothing on the latter is.
func compile(expr string) (ethernet, raw []bpf.Instruction, err error) {
	if ethernet, err = pcapfilter.Compile(expr, packet.LinkEthernet, 1); err != nil {
		return nil, nil, err
	}
	if raw, err = pcapfilter.Compile(expr, packet.LinkRaw, 1); err != nil {
		raw = []bpf.Instruction{bpf.RetConstant{Val: 0}}
	}
	return ethernet, raw, nil
}

// CheckFilter returns what is wrong with a filter in the language of pcap-filter(7).
func CheckFilter(expr string) error {
	_, _, err := compile(expr)
	return err
}

// byIndex replaces numbers by the names that `qubesbeat devices` shows for them, as
// packetbeat accepts both.
func byIndex(devices []string) ([]string, error) {
	out := make([]string, 0, len(devices))
	for _, d := range devices {
		n, err := strconv.Atoi(d)
		if err != nil {
			out = append(out, d)
			continue
		}
		links, err := capture.Links()
		if err != nil {
			return nil, err
		}
		if n < 0 || n >= len(links) {
			return nil, fmt.Errorf("device %d: there are %d interfaces; `qubesbeat devices` lists them", n, len(links))
		}
		out = append(out, links[n].Name)
	}
	return out, nil
}

// checkDevices logs devices that do not exist. A missing one is waited for, as vifs
// come and go; but if there is nothing at all to capture and every device was given
// by its full name, that is a mistake.
func checkDevices(m *capture.Matcher, log *slog.Logger) error {
	links, err := capture.Links()
	if err != nil {
		return err
	}
	missing := m.Missing(links)
	for _, name := range missing {
		log.Warn("interface does not exist yet; waiting for it", "interface", name)
	}
	if len(missing) > 0 && len(m.Select(links)) == 0 && !m.HasPattern() {
		return fmt.Errorf("no such interface: %q; `qubesbeat devices` lists those that exist, "+
			"a pattern such as \"vif*\" may wait for its first one", missing)
	}
	return nil
}
