package timesketch_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/timesketch"
)

// lines returns the lines of events.
func lines(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := timesketch.NewWriter(&b)
	a := analysis.New(analysis.Config{Domain: func(string) string { return "" }, Each: w.Write})
	if err := a.Read("-", strings.NewReader(text), nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestWriter_Write writes what a timeline has a use for, and nothing else.
func TestWriter_Write(t *testing.T) {
	t.Parallel()
	head := func(dataset string) string {
		return `{"@timestamp":"2026-11-21T20:59:27.764Z","host":{"name":"sys-log"},"qube":{"name":"work","label":"blue"},"event":{"dataset":"` + dataset + `"`
	}
	got := lines(t, head("flow")+`},"flow":{"final":true,"id":"f"},"source":{"ip":"10.137.0.6","bytes":1000},"destination":{"ip":"198.51.100.7","port":443,"domain":"www.example.org","bytes":2000}}
`+head("flow")+`},"flow":{"final":false}}
`+head("qubesbeat.dns")+`,"action":"dns-resolved"},"dns":{"question":{"name":"a.example"}}}
`+head("qubesbeat.dns")+`,"action":"dns-blocked"},"dns":{"question":{"name":"ads.example"}},"qubesbeat":{"dns":{"count":3}}}
`+head("qubesbeat.firewall")+`,"reason":"the rules"},"firewall":{"count":4},"destination":{"ip":"198.51.100.7","port":22}}
`+head("qubesbeat.stats")+`}}
`+head("qubesbeat.finding")+`,"action":"x\u202e","reason":"y"}}
`+head("qubesbeat.verify")+`,"action":"verify-fail","reason":"1 packet"},"rule":{"id":"VPN-1"},"verify":{"verdict":"fail"}}
`)
	var messages []string
	for _, text := range strings.Split(strings.TrimSpace(got), "\n") {
		var l map[string]any
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if l["datetime"] != "2026-11-21T20:59:27.764Z" || l["timestamp_desc"] == "" || l["qube"] != "work" {
			t.Errorf("line = %s", text)
		}
		messages = append(messages, l["message"].(string))
	}
	want := []string{"work and www.example.org port 443: 1.00 kB out, 2.00 kB in", "work asked for ads.example: dns-blocked", "work was refused 198.51.100.7 port 22: the rules", `work: x\u202e y`, "work: VPN-1 fail: 1 packet"}
	if diff := cmp.Diff(want, messages); diff != "" {
		t.Errorf("messages mismatch (-want +got):\n%s", diff)
	}
}
