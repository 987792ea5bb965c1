package identity_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// shippedFiles are packetbeat's own configuration files.
var shippedFiles = []string{"packetbeat.yml", "packetbeat.reference.yml"}

// newShipped makes a program with one of them as its default file, unchanged.
func newShipped(t testing.TB, name string) *program {
	t.Helper()
	data, err := os.ReadFile(fixture.Beats(t, "packetbeat", name))
	if err != nil {
		t.Fatal(err)
	}
	return newProgram(t, packetbeat, map[string]string{"packetbeat.yml": string(data)})
}

// TestShipped_config checks that packetbeat's own files are good.
func TestShipped_config(t *testing.T) {
	t.Parallel()
	for _, name := range shippedFiles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := newShipped(t, name).must("test", "config"); got != "Config OK\n" {
				t.Errorf("stdout = %q; want Config OK", got)
			}
		})
	}
}

// TestShipped_run checks that the beat runs with packetbeat's own files, whose
// processors ask clouds and Docker that are not there.
func TestShipped_run(t *testing.T) {
	t.Parallel()
	for _, name := range shippedFiles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, begin := newShipped(t, name), time.Now()
			p.must("-t", "-I", fixture.BeatsCapture(t, "http_minitwit.pcap"),
				"-E", "output.elasticsearch.enabled=false", "-E", "output.file.path=out")
			count := map[any]int{}
			for _, e := range p.events() {
				count[e["type"]]++
				if e["agent.type"] != packetbeat {
					t.Errorf("agent.type = %v; want packetbeat", e["agent.type"])
				}
			}
			if count["flow"] == 0 || count["http"] == 0 {
				t.Errorf("events %v; want flow and http", count)
			}
			if strings.Contains(p.log(), `"log.level":"error"`) {
				t.Errorf("the log has errors:\n%s", errorsOf(p.log()))
			}
			t.Logf("%v in %v", count, time.Since(begin).Round(time.Millisecond))
		})
	}
}

// errorsOf returns the lines of a log that are errors.
func errorsOf(log string) string {
	var lines []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"log.level":"error"`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// TestShipped_elasticsearch checks that the events arrive in the output that
// packetbeat.yml has.
func TestShipped_elasticsearch(t *testing.T) {
	t.Parallel()
	p, e := newShipped(t, "packetbeat.yml"), newElastic(t)
	p.must("-t", "-I", fixture.BeatsCapture(t, "dns_google_com.pcap"), "-E", "output.elasticsearch.hosts=["+e.URL+"]",
		"-E", "output.elasticsearch.preset=latency") // the default, balanced, waits 10 s for more events
	puts := e.got()
	for _, path := range []string{"/_ilm/policy/packetbeat", "/_index_template/packetbeat-" + version, "/_data_stream/packetbeat-" + version} {
		if _, ok := puts[path]; !ok {
			t.Errorf("%s was not put", path)
		}
	}
	bulk, log := e.bulk(), p.log()
	if !strings.Contains(bulk, `"type":"dns"`) || !strings.Contains(bulk, `"type":"flow"`) || !strings.Contains(bulk, `"_index":"packetbeat-9.3.0"`) {
		t.Errorf("bulk = %.500q; want dns and flow for packetbeat-9.3.0\n%s", bulk, errorsOf(log))
	}
}
