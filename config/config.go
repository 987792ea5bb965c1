// Package config holds the typed settings of qubesbeat, their defaults and the
// checks of their values. It opens nothing but the configuration files, to find
// line numbers, and imports nothing that works with the settings.
//
// A key is declared in one place: the field with its config tag, which go-ucfg
// reads. Which keys exist follows from the tags; tests hold that
// qubesbeat.reference.yml and docs/configuration.md have each of them.
package config

import "time"

// Config is the content of the `qubesbeat:` root. The zero value is not useful;
// start from [Default]. It is not safe for concurrent use while it is changed.
type Config struct {
	// Interfaces are where packets come from. Empty for one [DefaultInterface].
	Interfaces []Interface `config:"interfaces"`
	// Flows are the flow table and its events.
	Flows Flows `config:"flows"`
	// Inventory is where the names of the qubes come from.
	Inventory Inventory `config:"inventory"`
	// Resolver is the DNS resolver for the qubes.
	Resolver Resolver `config:"resolver"`
	// GeoIP says where public addresses are registered.
	GeoIP GeoIP `config:"geoip"`
	// Firewall are the firewall verdicts.
	Firewall Firewall `config:"firewall"`
	// Packets is the store of packets.
	Packets Packets `config:"packets"`
	// Verify is what is expected of the qubes.
	Verify Verify `config:"verify"`
	// Detect says what is reported as odd.
	Detect Detect `config:"detect"`
	// Quota is each client's share of the output.
	Quota Quota `config:"quota"`
	// Top is what `qubesbeat top` is shown.
	Top Top `config:"top"`
	// Stats are the events with the beat's own counters.
	Stats Stats `config:"stats"`
	// Transactions are the limits of the protocol analyzers.
	Transactions Transactions `config:"transactions"`
	// Compat brings back packetbeat's behaviour.
	Compat Compat `config:"compat"`
	// ShutdownTimeout bounds the wait for the output at the end. Default 10s, at
	// least 1s; 0 or negative means the default.
	ShutdownTimeout Duration `config:"shutdown_timeout"`
}

// Stats holds the settings of the stats events.
type Stats struct {
	// Period is the time between stats events. Default 30s, at least 1s; 0 or
	// negative for one event at the end.
	Period Duration `config:"period"`
}

// Top holds the settings of the live view.
type Top struct {
	// Enabled counts by qube and answers `qubesbeat top`. Default true; packetbeat under
	// its own name does not.
	Enabled bool `config:"enabled"`
	// Socket is the path of the socket of `qubesbeat top`. Empty, the default, for
	// top.sock in path.data.
	Socket string `config:"socket"`
}

// GeoIP holds the files that say where public addresses are registered. Without one,
// nothing is looked up.
type GeoIP struct {
	// Country is the path of a file with countries. Default "".
	Country string `config:"country"`
	// ASN is the path of a file with autonomous systems. Default "".
	ASN string `config:"asn"`
}

// Files returns the paths that are set.
func (g *GeoIP) Files() (paths []string) {
	for _, path := range []string{g.Country, g.ASN} {
		if path != "" {
			paths = append(paths, path)
		}
	}
	return paths
}

// Transactions holds the settings of the protocol analyzers that packetbeat does
// not have; what to analyze is in packetbeat's `protocols`.
type Transactions struct {
	// MaxMemoryMB is how much the analyzers may hold, in MiB: requests that wait for
	// an answer and unfinished messages of TCP connections. Default 64, 4 to 65536.
	MaxMemoryMB int `config:"max_memory_mb"`
}

// Compat brings back packetbeat's behaviour where an improvement could surprise a
// consumer of its events.
type Compat struct {
	// Strict turns the differences off that docs/packetbeat-compat.md lists. Default
	// false.
	Strict bool `config:"strict"`
}

// Default returns the settings that apply if the file sets nothing. Those of
// packetbeat's keys are packetbeat's.
func Default() Config {
	return Config{
		Flows: Flows{
			Enabled:       true,
			Timeout:       Duration(30 * time.Second),
			Period:        Duration(10 * time.Second),
			ActiveTimeout: Duration(30 * time.Minute),
			MaxFlows:      500_000,
			ServerNames:   true,
		},
		Transactions: Transactions{MaxMemoryMB: 64},
		Resolver:     defaultResolver(),
		Firewall:     Firewall{NFLogGroup: 53, ICMPErrors: true},
		Inventory: Inventory{
			Hold:   Duration(3 * time.Second),
			Qrexec: Qrexec{Socket: "/run/qubesbeat/inventory.sock"},
		},
		Packets:         defaultPackets(),
		Verify:          defaultVerify(),
		Detect:          defaultDetect(),
		Quota:           Quota{Enabled: true},
		Top:             Top{Enabled: true},
		Stats:           Stats{Period: Duration(30 * time.Second)},
		ShutdownTimeout: Duration(10 * time.Second),
	}
}
