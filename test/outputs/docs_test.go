package outputs_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
	"github.com/qubesbeat/qubesbeat/internal/testbed/pki"
)

// TestDocs_shipping holds that the beat takes every configuration that docs/shipping.md
// shows.
func TestDocs_shipping(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(fixture.Repository(t, "docs", "shipping.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) < 6 {
		t.Fatalf("%d configurations; want those of all outputs", len(blocks))
	}
	ca := pki.New(t)
	client := ca.Client(t)
	files := strings.NewReplacer("/rw/config/qubesbeat/ca.crt", ca.CA, "/rw/config/qubesbeat/client.crt", client.Certificate,
		"/rw/config/qubesbeat/client.key", client.Key)
	for _, b := range blocks {
		output := string(b[1])
		if !strings.Contains(output, "output.") {
			output += "output.console: {}\n"
		}
		c := command(t, onlyFlows, files.Replace(output), "test", "config")
		c.Env = append(c.Env, "ES_KEY=id:key", "REDIS_PASSWORD=x", "KAFKA_PASSWORD=x")
		if r := c.Run(t, runTime); r.Code != 0 {
			t.Errorf("exit status %d for\n%s\n%s", r.Code, output, r.Stderr)
		}
	}
}
