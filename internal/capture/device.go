package capture

import (
	"fmt"
	"path"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// Device names with a special meaning, as in packetbeat.
const (
	DeviceAny          = "any"
	DeviceDefaultRoute = "default_route"
)

// LinkInfo is a network interface as the kernel describes it.
type LinkInfo struct {
	Index    uint32
	Name     string
	Up       bool
	Loopback bool
}

// Matcher selects the interfaces to capture from. The zero value selects none.
type Matcher struct {
	patterns []string
	any      bool
	route    func() (names []string) // interfaces of the default routes
}

// NewMatcher returns the matcher for the devices of the configuration: names,
// globs in the syntax of [path.Match] ("vif*"), "any", and "default_route" with
// an optional "_ipv4" or "_ipv6". The error names the device that is invalid.
func NewMatcher(devices []string) (*Matcher, error) {
	m := &Matcher{}
	for _, d := range devices {
		switch {
		case d == DeviceAny:
			m.any = true
		case strings.HasPrefix(d, DeviceDefaultRoute):
			if err := m.addRoute(d); err != nil {
				return nil, err
			}
		default:
			if _, err := path.Match(d, ""); err != nil || d == "" {
				return nil, fmt.Errorf("device %q: not a name or pattern such as \"vif*\"", d)
			}
			m.patterns = append(m.patterns, d)
		}
	}
	return m, nil
}

// addRoute adds the interfaces of the default routes that d names.
func (m *Matcher) addRoute(d string) error {
	families := map[string][]uint8{DeviceDefaultRoute: {4, 6},
		DeviceDefaultRoute + "_ipv4": {4}, DeviceDefaultRoute + "_ipv6": {6}}[d]
	if families == nil {
		return fmt.Errorf("device %q: use default_route, default_route_ipv4 or default_route_ipv6", d)
	}
	before := m.route
	m.route = func() (names []string) {
		if before != nil {
			names = before()
		}
		return append(names, defaultRoutes(families)...)
	}
	return nil
}

// Select returns those of all interfaces that match. "any" matches every
// interface, with one exception: if there are Qubes vifs, they are what is to be
// metered, and the uplink, which carries the same packets again after NAT, is left
// out unless it is named.
func (m *Matcher) Select(all []LinkInfo) []LinkInfo {
	var routes []string
	if m.route != nil {
		routes = m.route()
	}
	router := false
	for _, l := range all {
		router = router || isVif(l.Name)
	}
	var out []LinkInfo
	for _, l := range all {
		if m.named(l.Name, routes) || m.any && (!router || isVif(l.Name) || l.Loopback) {
			out = append(out, l)
		}
	}
	return out
}

// named reports whether a pattern matches name, or it is one of routes.
func (m *Matcher) named(name string, routes []string) bool {
	for _, p := range m.patterns {
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	for _, r := range routes {
		if r == name {
			return true
		}
	}
	return false
}

// Missing returns the names, as opposed to patterns, that no interface has.
func (m *Matcher) Missing(all []LinkInfo) (names []string) {
	for _, p := range m.patterns {
		if strings.ContainsAny(p, `*?[\`) {
			continue
		}
		found := false
		for _, l := range all {
			found = found || l.Name == p
		}
		if !found {
			names = append(names, p)
		}
	}
	return names
}

// isVif reports whether name is that of a qube's backend interface,
// vif<domid>.<n>.
func isVif(name string) bool {
	_, ok := qube.VifDomain(name)
	return ok
}

// HasPattern reports whether there is a device that an interface may match later:
// a pattern, "any" or a default route.
func (m *Matcher) HasPattern() bool {
	for _, p := range m.patterns {
		if strings.ContainsAny(p, `*?[\`) {
			return true
		}
	}
	return m.any || m.route != nil
}
