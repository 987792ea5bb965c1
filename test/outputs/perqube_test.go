package outputs_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/test/outputs/servers"
)

// perQube returns the settings of an index for each qube, as docs/shipping.md has them,
// with a name for the template.
func perQube(url, template string) string {
	return elasticsearch(url, "index: 'mine-%{[qube.name]:none}'") + "\nsetup.template: {name: " + template + ", pattern: 'mine-*'}\nsetup.ilm.enabled: false"
}

// TestElasticsearch_per_qube makes an index for each qube. The template's name must match
// its own pattern: libbeat creates a data stream of that name.
func TestElasticsearch_per_qube(t *testing.T) {
	es := servers.StartElasticsearch(t)
	r := command(t, demo, perQube(es.URL, "mine"), "setup", "--index-management").Run(t, runTime)
	if r.Code == 0 || !strings.Contains(r.Stderr, "no matching index template found for data stream [mine]") {
		t.Errorf("setup with a name outside of the pattern: exit status %d\n%s", r.Code, r.Stderr)
	}
	es.Do(t, http.MethodDelete, "/_index_template/mine", nil, nil) // it has the same pattern
	mustRun(t, command(t, demo, perQube(es.URL, "mine-all"), "setup", "--index-management"))
	r = mustRun(t, command(t, demo, perQube(es.URL, "mine-all"), replayDemo(t)...))
	if strings.Contains(r.Stderr, "Failed to connect") {
		t.Errorf("the first attempt has failed:\n%s", r.Stderr)
	}
	compare(t, wantDemo(t), search(t, es, "mine-*"))
	if es.CountWhere(t, "mine-work", "qube.name:work") == 0 {
		t.Error("the index of work has no event of it")
	}
}
