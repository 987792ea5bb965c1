package analyzer

import conf "github.com/elastic/elastic-agent-libs/config"

// noDevice is a name that no device has: given this one, packetbeat leaves out the
// analyzers that are bound to a device.
const noDevice = "\x00"

// devices returns the devices to which enabled sections are bound.
func (c *config) devices() (devices []string) {
	seen := map[string]bool{"": true}
	for _, cfg := range c.list {
		if d := sectionDevice(cfg); !seen[d] && cfg.Enabled() {
			seen[d] = true
			devices = append(devices, d)
		}
	}
	return devices
}

// isFor reports whether a section is enabled, and not bound to another device.
func isFor(cfg *conf.C, device string) bool {
	if !cfg.Enabled() {
		return false
	}
	bound := sectionDevice(cfg)
	return bound == "" || bound == device
}

// sectionDevice returns the interface.device of a section of protocols.
func sectionDevice(cfg *conf.C) string {
	section := struct {
		Interface struct {
			Device string `config:"device"`
		} `config:"interface"`
	}{}
	if cfg == nil || cfg.Unpack(&section) != nil {
		return "" // packetbeat reports the error when it reads the section
	}
	return section.Interface.Device
}

// ifaceSet is the set of an interface for as long as that has its name: the kernel
// reuses interface indexes.
type ifaceSet struct {
	name string
	set  *set
}

// maxIfaces bounds the cache of sets, since vifs come and go.
const maxIfaces = 4096

// setOf returns the analyzers of an interface.
func (a *analyzers) setOf(iface uint32) *set {
	name := a.cfg.interfaceName(iface)
	if known, ok := a.byIface[iface]; ok && known.name == name {
		return known.set
	}
	s := a.sets[name]
	if s == nil {
		s = a.sets[noDevice]
	}
	if len(a.byIface) > maxIfaces {
		clear(a.byIface)
	}
	a.byIface[iface] = ifaceSet{name, s}
	return s
}
