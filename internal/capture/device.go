package capture

import (
	"fmt"
	"path"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// Device names that mean more than themselves, as packetbeat spells them.
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

// Matcher decides which interfaces are metered. The zero value wants none.
type Matcher struct {
	patterns []string
	any      bool
	route    func() (names []string) // interfaces of the default routes
}

// NewMatcher returns the matcher for the devices of the configuration: names,
// globs in the syntax of path.Match ("vif*"), "any", and "default_route" with
// an optional "_ipv4" or "_ipv6". It returns an error that names the device
// that it cannot read.
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

// Select returns the wanted ones among all interfaces. "any" takes every
// interface, with one exception: where Qubes vifs exist, they are the place to
// meter, and the uplink that carries the same packets again, after NAT, is left
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

// isVif tells the backend interface of a qube, vif<domid>.<n>, apart.
func isVif(name string) bool {
	_, ok := qube.VifDomain(name)
	return ok
}

// HasPattern reports whether there is a device that may wait for an interface
// to appear: a pattern, "any" or a default route.
func (m *Matcher) HasPattern() bool {
	for _, p := range m.patterns {
		if strings.ContainsAny(p, `*?[\`) {
			return true
		}
	}
	return m.any || m.route != nil
}
