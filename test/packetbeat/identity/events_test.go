package identity_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// everything is a configuration with flows and each of packetbeat's protocols, on
// the ports that its own tests use.
const everything = `
packetbeat:
  flows: {timeout: 30s, period: 10s}
  protocols:
    - {type: icmp, enabled: true}
    - {type: amqp, ports: [5672]}
    - {type: cassandra, ports: [9042]}
    - {type: dhcpv4, ports: [67, 68]}
    - {type: dns, ports: [53], include_authorities: true, include_additionals: true}
    - {type: http, ports: [80, 8080, 8000, 5000, 8002]}
    - {type: memcache, ports: [11211]}
    - {type: mysql, ports: [3306, 13001]}
    - {type: pgsql, ports: [5432]}
    - {type: redis, ports: [6379]}
    - {type: thrift, ports: [9090]}
    - {type: mongodb, ports: [27017]}
    - {type: nfs, ports: [2049]}
    - {type: tls, ports: [443, 993, 995, 5223, 8443, 8883, 9243]}
    - {type: sip, ports: [5060]}
output.file: {path: out, number_of_files: 2, rotate_every_kb: 1000000}
logging.level: error
`

// captures returns all of packetbeat's.
func captures(t testing.TB) (files []string) {
	t.Helper()
	for _, root := range []string{"packetbeat/tests/system/pcaps", "libbeat/common/flowhash/testdata/pcap"} {
		err := filepath.WalkDir(filepath.Join(beats(t), root), func(path string, _ os.DirEntry, err error) error {
			if strings.HasSuffix(path, ".pcap") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// replayed are the events of all captures, which several tests read.
var replayed struct {
	once   sync.Once
	events []event
}

// allEvents replays the demo and packetbeat's captures, all protocols on.
func allEvents(t testing.TB) []event {
	t.Helper()
	replayed.once.Do(func() {
		p := newProgram(t, packetbeat, map[string]string{"packetbeat.yml": everything +
			fmt.Sprintf("packetbeat.inventory.file: %q\n", repository(t, "demo/inventory"))})
		args := []string{"-t", "-I", repository(t, "demo/qubes.pcapng")}
		for _, c := range captures(t) {
			args = append(args, "-I", c)
		}
		p.must(args...)
		replayed.events = p.events()
	})
	if len(replayed.events) < 500 {
		t.Fatalf("%d events; want many more", len(replayed.events))
	}
	return replayed.events
}

// TestEvents_mapped checks that the template maps every field of our own kinds of
// events.
func TestEvents_mapped(t *testing.T) {
	t.Parallel()
	template := exportTemplate(ofName(t, packetbeat))
	mapped, _ := template.fields()
	seen := map[string]bool{}
	for _, e := range allEvents(t) {
		if kind := e["type"]; kind == "flow" || kind == "stats" || kind == nil {
			for name := range e {
				seen[name] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		if !strings.HasPrefix(name, "@metadata.") && !template.explicit(mapped, name) {
			t.Errorf("%s is not in the template", name)
		}
	}
	for _, name := range []string{"qube.name", "flow.end_reason", "stats.capture.frames", "flow.tcp.state", "source.qube.name"} {
		if !seen[name] {
			t.Errorf("no event has %s: the test does not see much", name)
		}
	}
	t.Logf("%d fields of flow and stats events", len(seen))
}

// TestEvents_transactionsMapped checks that the template maps every field of
// transactions, but those that it maps for packetbeat no better: what it writes
// outside of its own fields.yml.
func TestEvents_transactionsMapped(t *testing.T) {
	t.Parallel()
	theirs := typesOf(baseline(t))
	template := exportTemplate(ofName(t, packetbeat))
	mapped, _ := template.fields()
	ours := typesOf(allEvents(t))
	var unmapped, kinds []string
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		if strings.HasPrefix(name, "@metadata.") || template.explicit(mapped, name) {
			continue
		}
		unmapped = append(unmapped, name)
		if theirs[name] == nil {
			t.Errorf("%s is not in the template, and packetbeat does not write it", name)
		}
	}
	count := map[string]int{}
	for _, e := range allEvents(t) {
		count[fmt.Sprint(e["type"])]++
	}
	for _, kind := range slices.Sorted(maps.Keys(count)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", kind, count[kind]))
	}
	t.Logf("%d events: %s", len(allEvents(t)), strings.Join(kinds, ", "))
	t.Logf("%d fields; unmapped, as packetbeat's: %s", len(ours), strings.Join(unmapped, " "))
}

// kinds are the JSON types of a field.
type kinds map[string]bool

func (k kinds) String() string { return strings.Join(slices.Sorted(maps.Keys(k)), "|") }

// typesOf returns the fields of events with their JSON types.
func typesOf(events []event) map[string]kinds {
	all := map[string]kinds{}
	for _, e := range events {
		for name, v := range e {
			if all[name] == nil {
				all[name] = kinds{}
			}
			all[name][jsonType(v)] = true
		}
	}
	return all
}

func jsonType(v any) string {
	switch v := v.(type) {
	case []any:
		inner := kinds{}
		for _, one := range v {
			inner[jsonType(one)] = true
		}
		return "[" + inner.String() + "]"
	case map[string]any:
		return "object"
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	}
	return "null"
}

// baseline returns the events that packetbeat makes of its captures with the
// configuration everything. It skips the test if they do not exist.
func baseline(t testing.TB) (events []event) {
	t.Helper()
	dir := os.Getenv("QUBESBEAT_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared")
	}
	files, err := filepath.Glob(filepath.Join(dir, "baseline/events/*.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no baseline/events in %s; set QUBESBEAT_SHARED to the folder that has it", dir)
	}
	for _, file := range files {
		events = append(events, readEvents(t, file)...)
	}
	return events
}
