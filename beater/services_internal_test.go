package beater

import (
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/beater/settings"

	"github.com/elastic/beats/v7/libbeat/beat"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/beater/publish"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire/wiretest"
)

// TestMain lets a service start this program as the process of its analyzers.
func TestMain(m *testing.M) {
	if wiretest.IsChild() {
		os.Exit(wiretest.Main())
	}
	os.Exit(m.Run())
}

// pipeline is a pipeline whose clients take everything.
type pipeline struct{}

// ConnectWith implements [beat.PipelineConnector].
func (pipeline) ConnectWith(beat.ClientConfig) (beat.Client, error) { return client{}, nil }

// Connect implements [beat.PipelineConnector].
func (pipeline) Connect() (beat.Client, error) { return client{}, nil }

type client struct{}

// Publish implements [beat.Client].
func (client) Publish(beat.Event) {}

// PublishAll implements [beat.Client].
func (client) PublishAll([]beat.Event) {}

// Close implements [beat.Client].
func (client) Close() error { return nil }

// build builds the services of a configuration and returns their names in the order in
// which they stop.
func build(t *testing.T, root, text string, replay bool) (names []string, err error) {
	t.Helper()
	return buildFor(t, root, text, replay, 0)
}

// buildFor is build with an output that holds a number of bytes.
func buildFor(t *testing.T, root, text string, replay bool, capacity int64) (names []string, err error) {
	t.Helper()
	raw, err := conf.NewConfigWithYAML([]byte(text), "test")
	if err != nil {
		t.Fatal(err)
	}
	s, err := settings.Read(root, raw)
	if err != nil {
		t.Fatal(err)
	}
	var flags Flags
	if replay {
		flags.Files = []string{"capture.pcap"}
	}
	clients := &publish.Clients{Pipeline: pipeline{}, Capacity: capacity}
	r := &run{settings: s, log: slog.New(slog.DiscardHandler), stderr: io.Discard, live: !replay, clients: clients,
		delivery: &publish.Delivery{Clients: clients}}
	b := builder{run: r, beat: &Qubesbeat{settings: s, options: &Options{Flags: &flags}, log: logp.NewNopLogger()}, root: root, flags: flags}
	err = b.build()
	for _, task := range r.tasks {
		names = append(names, task.String())
	}
	return names, err
}

// TestBuilder_build shows which services a configuration has, in the order in which they
// stop: each before those that take what it delivers.
func TestBuilder_build(t *testing.T) {
	const rest = "inventory, stats, publisher of other events, rotation, delivery"
	const end = "live view, " + rest
	const resolver = "{listen: ['127.0.0.1:5353'], upstreams: {default: [udp://127.0.0.1:9]}}"
	tests := []struct {
		name, config string
		replay       bool
		want         string
	}{
		{"default", "{}", false, "flow metering, findings, " + end},
		{"resolver", "resolver: " + resolver, false, "flow metering, resolver, findings, " + end},
		{"resolver alone", "{flows: {enabled: false}, resolver: " + resolver + "}", false, "flow metering, resolver, " + end},
		{"no detection", "detect: {enabled: false}", false, "flow metering, " + end},
		{"firewall", "firewall: {enabled: true}", false, "flow metering, firewall verdicts, findings, " + end},
		{"transactions", "protocols: [{type: http, port: 80}]", false, "flow metering, transactions, findings, " + end},
		{"all", "{protocols: [{type: http, port: 80}], firewall: {enabled: true}, procs: {enabled: true}, resolver: " + resolver + "}", false,
			"flow metering, transactions, resolver, firewall verdicts, findings, " + end},
		{"packets", "packets: {enabled: true}", false, "flow metering, packet store, findings, " + end},
		{"verification", "verify: {enabled: true}", false, "flow metering, verification, findings, " + end},
		{"verification of a replay", "verify: {enabled: true}", true, "flow metering, verification, findings, inventory, stats, publisher of other events, delivery"},
		{"countries", "geoip: {country: nowhere}", false, "flow metering, findings, countries and networks, " + end},
		{"countries of packetbeat", "{compat: {strict: true}, geoip: {country: nowhere}}", false, "flow metering, " + rest},
		{"packets of a replay", "packets: {enabled: true}", true, "flow metering, findings, inventory, stats, publisher of other events, delivery"},
		{"strict names of packetbeat", "{compat: {strict: true}, resolver: " + resolver + "}", false, "flow metering, resolver, " + rest},
		{"no live view", "top: {enabled: false}", false, "flow metering, findings, " + rest},
		{"replay", "{protocols: [{type: http, port: 80}], firewall: {enabled: true}, resolver: " + resolver + "}", true,
			"flow metering, transactions, findings, inventory, stats, publisher of other events, delivery"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := build(t, "qubesbeat", tt.config, tt.replay)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, ", ")); diff != "" {
				t.Errorf("services mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBuilder_build_nothing refuses a configuration with nothing to do. In packetbeat, no
// flows section means no flows.
func TestBuilder_build_nothing(t *testing.T) {
	for root, text := range map[string]string{"qubesbeat": "flows: {enabled: false}", "packetbeat": "{}"} {
		if got, err := build(t, root, text, false); err == nil || !strings.Contains(err.Error(), "nothing to do") {
			t.Errorf("%s: services %q, %v; want none", root, got, err)
		}
	}
}

// TestBuilder_build_shares gives clients a share of an output whose size is known, or if
// the user wants it, but not in a replay and not under packetbeat's name.
func TestBuilder_build_shares(t *testing.T) {
	const size, set = 500 << 20, "quota: {burst_mb: 1, per_day_mb: 2}"
	for _, tt := range []struct {
		name, root, config string
		replay             bool
		capacity           int64
		want               bool
	}{
		{"file", "qubesbeat", "{}", false, size, true},
		{"other output", "qubesbeat", "{}", false, 0, false},
		{"other output, set", "qubesbeat", set, false, 0, true},
		{"turned off", "qubesbeat", "quota: {enabled: false}", false, size, false},
		{"replay", "qubesbeat", set, true, size, false},
		{"packetbeat", "packetbeat", "flows: {}", false, size, false},
		{"packetbeat, set", "packetbeat", "{flows: {}, " + set + "}", false, size, true},
		{"strict", "qubesbeat", "compat: {strict: true}", false, size, false},
	} {
		names, err := buildFor(t, tt.root, tt.config, tt.replay, tt.capacity)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(names, ", "), "publisher of other events, event summaries"); got != tt.want {
			t.Errorf("%s: shares are %v; want %v: %q", tt.name, got, tt.want, names)
		}
	}
}
