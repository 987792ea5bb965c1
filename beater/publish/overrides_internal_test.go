package publish

import (
	"testing"

	conf "github.com/elastic/elastic-agent-libs/config"
)

// TestOverrides_flush has alerts of verification written at once, and nothing else.
func TestOverrides_flush(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		file, line string
		replay     bool
		want       string
	}{
		"nothing":          {file: `output.file.path: /tmp`, want: "1s"},
		"replay":           {file: `output.file.path: /tmp`, replay: true, want: "20ms"},
		"verify":           {file: `{qubesbeat.verify.enabled: true, output.file.path: /tmp}`, want: "20ms"},
		"nested":           {file: `{qubesbeat: {verify: {enabled: true}}, output: {console: {enabled: true}}}`, want: "20ms"},
		"in a replay":      {file: `{qubesbeat.verify.enabled: true, output.file.path: /tmp}`, replay: true, want: "20ms"},
		"off":              {file: `{qubesbeat.verify.enabled: false, output.file.path: /tmp}`, want: "1s"},
		"by command line":  {file: `output.file.path: /tmp`, line: `qubesbeat.verify.enabled: true`, want: "20ms"},
		"off by that":      {file: `{qubesbeat.verify.enabled: true, output.file.path: /tmp}`, line: `qubesbeat.verify.enabled: false`, want: "1s"},
		"a server":         {file: `{qubesbeat.verify.enabled: true, output.elasticsearch.hosts: [localhost]}`, want: "20ms"},
		"not verified":     {file: `output.elasticsearch.hosts: [localhost]`, want: "1s"},
		"replay to it":     {file: `{qubesbeat.verify.enabled: true, output.elasticsearch.hosts: [localhost]}`, replay: true, want: "20ms"},
		"queue of a user":  {file: `{qubesbeat.verify.enabled: true, output.file.path: /tmp, queue.mem.events: 10}`, want: ""},
		"and by that line": {file: `{qubesbeat.verify.enabled: true, output.file.path: /tmp}`, line: `queue.mem.flush.timeout: 3s`, want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parse := func(text string) *conf.C {
				c, err := conf.NewConfigWithYAML([]byte(text), "test")
				if err != nil {
					t.Fatal(err)
				}
				return c
			}
			file, line := parse(tt.file), parse(tt.line)
			got := ""
			for _, o := range Overrides(&Files{}, func() *conf.C { return line }, func() bool { return tt.replay }) {
				if !o.Check(file) {
					continue
				}
				if timeout, err := o.Config.String("queue.mem.flush.timeout", -1); err == nil {
					got += timeout
				}
			}
			if got != tt.want {
				t.Errorf("queue.mem.flush.timeout = %q; want %q", got, tt.want)
			}
		})
	}
}
