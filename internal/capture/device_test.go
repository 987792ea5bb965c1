package capture_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

// links makes interfaces with these names; "lo" is a loopback.
func links(names ...string) (all []capture.LinkInfo) {
	for i, name := range names {
		all = append(all, capture.LinkInfo{Index: uint32(i + 1), Name: name, Up: true, Loopback: name == "lo"})
	}
	return all
}

func linkNames(all []capture.LinkInfo) (names []string) {
	for _, l := range all {
		names = append(names, l.Name)
	}
	return names
}

func newMatcher(t *testing.T, devices ...string) *capture.Matcher {
	t.Helper()
	m, err := capture.NewMatcher(devices)
	if err != nil {
		t.Fatalf("NewMatcher(%q): %v", devices, err)
	}
	return m
}

func TestMatcher_Select(t *testing.T) {
	t.Parallel()
	router := links("lo", "eth0", "vif7.0", "vif12.0", "tun0")
	host := links("lo", "eth0", "wlan0", "vifs")
	tests := []struct {
		name    string
		devices []string
		all     []capture.LinkInfo
		want    []string
	}{
		{name: "nothing", all: router},
		{name: "name", devices: []string{"eth0"}, all: router, want: []string{"eth0"}},
		{name: "names, in the order of the interfaces", devices: []string{"vif12.0", "eth0"}, all: router, want: []string{"eth0", "vif12.0"}},
		{name: "twice the same", devices: []string{"eth0", "eth*"}, all: router, want: []string{"eth0"}},
		{name: "name that is not there", devices: []string{"eth1"}, all: router},
		{name: "no prefix match", devices: []string{"vif1"}, all: router},
		{name: "glob", devices: []string{"vif*"}, all: router, want: []string{"vif7.0", "vif12.0"}},
		{name: "glob with question mark", devices: []string{"vif?.0"}, all: router, want: []string{"vif7.0"}},
		{name: "glob with class", devices: []string{"[el]*"}, all: router, want: []string{"lo", "eth0"}},
		{name: "star", devices: []string{"*"}, all: router, want: []string{"lo", "eth0", "vif7.0", "vif12.0", "tun0"}},
		{name: "any on a host", devices: []string{"any"}, all: host, want: []string{"lo", "eth0", "wlan0", "vifs"}},
		{name: "any on a router", devices: []string{"any"}, all: router, want: []string{"lo", "vif7.0", "vif12.0"}},
		{name: "any and the uplink on a router", devices: []string{"any", "eth0"}, all: router, want: []string{"lo", "eth0", "vif7.0", "vif12.0"}},
		{name: "any without interfaces", devices: []string{"any"}},
		{name: "default route that is not there", devices: []string{"default_route"}, all: links("no such interface")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := newMatcher(t, tt.devices...).Select(tt.all)
			if diff := cmp.Diff(tt.want, linkNames(got)); diff != "" {
				t.Errorf("Select mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMatcher_Select_zero(t *testing.T) {
	t.Parallel()
	if got := new(capture.Matcher).Select(links("lo", "eth0")); got != nil {
		t.Errorf("Select of the zero Matcher = %v; want none", got)
	}
}

func TestNewMatcher_errors(t *testing.T) {
	t.Parallel()
	for device, hint := range map[string]string{
		"":                    "vif*",
		"[":                   "vif*",
		"vif[0-":              "vif*",
		"eth0[":               "vif*",
		`eth0\`:               "vif*",
		"default_route_ipv5":  "default_route_ipv4",
		"default_route_":      "default_route_ipv4",
		"default_routes":      "default_route_ipv4",
		"default_route_ipv4 ": "default_route_ipv4",
	} {
		_, err := capture.NewMatcher([]string{"eth0", device})
		if err == nil || !strings.Contains(err.Error(), `device "`) || !strings.Contains(err.Error(), hint) {
			t.Errorf("NewMatcher(%q): %v; want an error with the device and %q", device, err, hint)
		}
	}
}

func TestMatcher_Missing(t *testing.T) {
	t.Parallel()
	m := newMatcher(t, "eth0", "eth1", "vif*", "any", "default_route", "wlan?", "vif9.0")
	if diff := cmp.Diff([]string{"eth1", "vif9.0"}, m.Missing(links("lo", "eth0", "eth10"))); diff != "" {
		t.Errorf("Missing mismatch (-want +got):\n%s", diff)
	}
	if got := m.Missing(links("eth0", "eth1", "vif9.0")); got != nil {
		t.Errorf("Missing = %v; want none", got)
	}
}

func TestMatcher_HasPattern(t *testing.T) {
	t.Parallel()
	for device, want := range map[string]bool{
		"eth0": false, "vif7.0": false, "vif*": true, "eth?": true, "[a-z]": true, "any": true,
		"default_route": true, "default_route_ipv4": true, "default_route_ipv6": true,
	} {
		if got := newMatcher(t, "lo", device).HasPattern(); got != want {
			t.Errorf("HasPattern with %q = %v; want %v", device, got, want)
		}
	}
	if newMatcher(t).HasPattern() {
		t.Error("HasPattern without devices = true; want false")
	}
}
