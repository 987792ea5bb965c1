package publish

import (
	"testing"

	"github.com/elastic/beats/v7/libbeat/beat"
	conf "github.com/elastic/elastic-agent-libs/config"
)

// TestExplainOutput finds the output that is enabled, and the files of what it refuses.
func TestExplainOutput(t *testing.T) {
	t.Parallel()
	const own = "\nlogging.event_data.files: {path: /own, name: mine}"
	for _, tt := range []struct{ name, config, output, refused string }{
		{"none", "{}", "", ""},
		{"file", "output.eventfile.path: /x", "eventfile", ""},
		{"disabled", "output.eventfile.enabled: false\noutput.elasticsearch.hosts: [a]" + own, "elasticsearch", "/own/mine-*.ndjson"},
		{"redis", "output.redis: {enabled: true}" + own, "redis", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := conf.NewConfigWithYAML([]byte(tt.config), "test")
			if err != nil {
				t.Fatal(err)
			}
			if got := enabledOutput(c); got != tt.output {
				t.Errorf("enabledOutput = %q; want %q", got, tt.output)
			}
			if got := ExplainOutput(beat.Info{Beat: "qubesbeat"}, c); got != tt.refused {
				t.Errorf("ExplainOutput = %q; want %q", got, tt.refused)
			}
		})
	}
}
