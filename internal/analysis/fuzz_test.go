package analysis_test

import (
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
)

// FuzzRead reads any file. What it says of bytes and flows is the same everywhere.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		flow(1, "work", "198.51.100.7", "www.example.org", 443, 100, 2000, ""),
		event(1, "qubesbeat.dns", `,"action":"dns-blocked"},"dns":{"question":{"name":"a.example"}},"qubesbeat":{"dns":{"count":18446744073709551615}}`),
		event(2, "qubesbeat.inventory", `},"inventory":{"changed":["label",[],{}],"previous":{"label":1e9}},"qube":{"clients":["a"]}`),
		event(3, "qubesbeat.summary", `},"summary":{"dataset":"flow","count":-1,"outcomes":[1,{"name":"dns-blocked"}]}`),
		event(4, "qubesbeat.stats", `},"stats":{"capture":[{}],"events":{"lost":"x"}}`),
		event(5, "qubesbeat.verify", `},"verify":{"verdict":"fail"}`), event(6, "qubesbeat.finding", `},"destination":{"ip":"::1","port":53}`),
		`{"@timestamp":"1970-01-01T00:00:00Z","event":{"dataset":"flow"},"flow":{"final":true}}` + "\n" + `{"@timestamp":"2199-12-31T23:59:59Z","event":{"dataset":"flow"},"flow":{"final":true}}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a := analysis.New(analysis.Config{Domain: registered, Each: func(*analysis.Entry) {}})
		_ = a.Read("-", strings.NewReader(text), nil)
		flows, out := uint64(0), uint64(0)
		for _, q := range a.Qubes() {
			sum := q.Peers.Sum()
			flows, out = flows+q.Flows, out+q.Out
			if sum.Flows != q.Flows || sum.Out != q.Out {
				t.Errorf("%s: %d flows and %d bytes, in peers %d and %d", q.Name, q.Flows, q.Out, sum.Flows, sum.Out)
			}
		}
		if flows != a.Total.Flows || out != a.Total.Out {
			t.Errorf("qubes have %d flows and %d bytes, the total %d and %d", flows, out, a.Total.Flows, a.Total.Out)
		}
		if _, bins := a.Timeline.Start(); bins > analysis.Bins {
			t.Errorf("%d bins", bins)
		}
	})
}
