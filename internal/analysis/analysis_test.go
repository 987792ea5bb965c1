package analysis_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
)

// registered stands for the list of public suffixes.
func registered(name string) string {
	if parts := strings.Split(name, "."); len(parts) >= 2 {
		return strings.Join(parts[len(parts)-2:], ".")
	}
	return ""
}

// read returns the analysis of files with these texts.
func read(t testing.TB, conf analysis.Config, texts ...string) *analysis.Analysis {
	t.Helper()
	conf.Domain = registered
	a := analysis.New(conf)
	for _, text := range texts {
		if err := a.Read("-", strings.NewReader(text), nil); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// event returns a line with a time, so many seconds after midnight, and further fields.
func event(second int, dataset, rest string) string {
	at := time.Date(2026, 11, 21, 0, 0, second, 0, time.UTC).Format(time.RFC3339)
	return fmt.Sprintf(`{"@timestamp":%q,"host":{"name":"sys-log"},"event":{"dataset":%q%s`, at, dataset, rest) + "}\n"
}

// flow returns a flow event.
func flow(second int, qube, ip, domain string, port, out, in int, rest string) string {
	return event(second, "flow", fmt.Sprintf(`},"flow":{"final":true,"id":"f%d"},"qube":{"name":%q,"label":"blue","ip":"10.137.0.6"},"network":{"transport":"tcp","direction":"outbound"},`+
		`"source":{"ip":"10.137.0.6","port":40000,"bytes":%d},"destination":{"ip":%q,"domain":%q,"port":%d,"bytes":%d}%s`, second, qube, out, ip, domain, port, in, rest))
}

func TestAnalysis_flows(t *testing.T) {
	t.Parallel()
	a := read(t, analysis.Config{}, flow(1, "work", "198.51.100.7", "www.example.org", 443, 100, 2000, "")+
		flow(5, "work", "198.51.100.7", "www.example.org", 443, 1, 2, "")+
		flow(9, "work", "198.51.100.9", "", 80, 10, 0, `,"flow":{"final":true,"unresolved":true,"tcp":{"state":"syn_sent"}}`)+
		strings.Replace(flow(10, "work", "198.51.100.9", "", 80, 1e6, 1e6, ""), `"final":true`, `"final":false`, 1)+
		flow(11, "", "198.51.100.9", "", 80, 7, 8, ""))
	if a.Events != 5 || a.Interim != 1 || a.Total.Flows != 4 || a.Total.Out != 118 || a.Total.In != 2010 {
		t.Errorf("total = %+v, %d events, %d interim", a.Total, a.Events, a.Interim)
	}
	qubes := a.Qubes()
	if len(qubes) != 2 || qubes[0].Name != "work" || qubes[1].Name != "" {
		t.Fatalf("qubes = %v", qubes)
	}
	q := qubes[0]
	if q.Flows != 3 || q.Bytes() != 2113 || q.Unanswered != 1 || q.Unresolved != 1 || q.Label != "blue" {
		t.Errorf("work = %+v", q)
	}
	top := q.Peers.Top(-1)
	if len(top) != 2 || top[0].Name != "www.example.org" || top[0].Flows != 2 || top[0].Bytes() != 2103 || top[0].Last.Sub(top[0].First) != 4*time.Second {
		t.Errorf("peers = %+v", top)
	}
	var places []string
	for _, p := range q.Domains.Top(-1) {
		places = append(places, fmt.Sprint(p.Name, " ", p.Bytes()))
	}
	if diff := cmp.Diff([]string{"example.org 2103", "198.51.0.0/16 10"}, places); diff != "" {
		t.Errorf("domains mismatch (-want +got):\n%s", diff)
	}
	if q.Hours[time.Saturday][0] != 2113 {
		t.Errorf("hours = %v", q.Hours)
	}
}

// A qube is known by machine, name and UUID, never by its name alone.
func TestAnalysis_keys(t *testing.T) {
	t.Parallel()
	one := flow(1, "disp1", "198.51.100.7", "", 443, 1, 1, "")
	a := read(t, analysis.Config{}, one+strings.Replace(one, "sys-log", "other", 1)+strings.Replace(one, `"qube":{`, `"qube":{"uuid":"u1",`, 1)+one)
	if qubes := a.Qubes(); len(qubes) != 3 || qubes[0].Flows != 2 {
		t.Errorf("%d qubes, %d flows of the first; want 3, 2", len(qubes), qubes[0].Flows)
	}
}

func TestAnalysis_inbound(t *testing.T) {
	t.Parallel()
	text := event(1, "flow", `},"flow":{"final":true},"network":{"direction":"inbound","transport":"tcp"},"source":{"ip":"192.0.2.1","port":5000,"bytes":30},`+
		`"destination":{"ip":"10.137.0.6","port":22,"bytes":40},"qube":{"name":"work","ip":"10.137.0.6"}`)
	q := read(t, analysis.Config{}, text).Qubes()[0]
	if p := q.Peers.Top(1)[0]; q.Out != 40 || q.In != 30 || p.IP != "192.0.2.1" || p.Port != 22 || p.Inbound != 1 {
		t.Errorf("out %d, in %d, peer %+v", q.Out, q.In, p)
	}
}

func TestAnalysis_others(t *testing.T) {
	t.Parallel()
	a := read(t, analysis.Config{},
		event(1, "qubesbeat.dns", `,"action":"dns-blocked"},"qube":{"name":"work"},"dns":{"question":{"name":"ads.example","registered_domain":"ads.example"}},"qubesbeat":{"dns":{"count":917,"block":{"list":"ads"}}}`)+
			event(2, "qubesbeat.dns", `,"action":"dns-resolved"},"qube":{"name":"work"},"dns":{"question":{"name":"www.example.org"}}`)+
			event(3, "qubesbeat.firewall", `},"qube":{"name":"untrusted","label":"red"},"firewall":{"count":60,"point":"qvm-firewall"},"destination":{"ip":"198.51.100.7","port":22}`)+
			event(4, "qubesbeat.finding", `,"action":"dns-bypass","reason":"it asks 192.0.2.53"},"qube":{"name":"work"},"finding":{"method":"doh","count":3},"destination":{"ip":"192.0.2.53","port":443}`)+
			event(5, "qubesbeat.verify", `,"kind":"alert","reason":"packets outside"},"rule":{"id":"VPN-4"},"verify":{"verdict":"fail","previous":"pass"},"qube":{"name":"work"}`)+
			event(6, "qubesbeat.verify", `,"kind":"state"},"rule":{"id":"VPN-4"},"verify":{"verdict":"pass","previous":"fail","stale":true},"qube":{"name":"work"}`)+
			event(7, "qubesbeat.inventory", `,"action":"qube_changed"},"qube":{"name":"work","label":"blue","xid":7},"inventory":{"changed":["label","xid"],"previous":{"label":"red"}}`)+
			event(8, "http", `,"kind":"event"},"type":"http","qube":{"name":"work"}`)+
			event(9, "nginx.access", `}`)+
			event(10, "qubesbeat.stats", `,"start":"2026-11-21T00:00:00Z"},"stats":{"capture":{"frames":10,"kernel_drops":1}}`)+
			event(20, "qubesbeat.stats", `,"start":"2026-11-21T00:00:00Z"},"stats":{"capture":{"frames":90,"kernel_drops":4},"resolver":{"received":1}}`)+
			event(20, "qubesbeat.stats", `,"start":"2026-11-21T00:00:15Z"},"stats":{"capture":{"kernel_drops":2}}`))
	if a.Queries != 918 || a.Denied != 917 || a.Refused != 60 || a.Alerts != 2 || a.Changed != 1 {
		t.Errorf("queries %d, denied %d, refused %d, alerts %d, changed %d", a.Queries, a.Denied, a.Refused, a.Alerts, a.Changed)
	}
	if n, ok := a.Lost("capture.kernel_drops"); n != 6 || !ok || !a.Runs("resolver") || a.Runs("firewall") {
		t.Errorf("Lost = %d, %v; Runs = %v, %v", n, ok, a.Runs("resolver"), a.Runs("firewall"))
	}
	qubes := map[string]*analysis.Qube{}
	for _, q := range a.Qubes() {
		qubes[q.Name] = q
	}
	if q := qubes["untrusted"]; q == nil || q.Label != "red" || q.Refusals.Top(1)[0].Packets != 60 {
		t.Errorf("a qube that is seen in verdicts alone: %+v", q)
	}
	if f := a.Findings.Top(1)[0]; f.Qube != qubes["work"] || f.Method != "doh" || f.Count != 3 || f.Destination != "192.0.2.53:443" {
		t.Errorf("finding = %+v", f)
	}
	if v := a.Verdicts.Top(1)[0]; v.Verdict != "pass" || v.Fails != 1 || v.Events != 2 || v.State != "stale" {
		t.Errorf("verdict = %+v", v)
	}
	want := []analysis.ChangedPart{{Name: "label", Before: "red", After: "blue"}, {Name: "xid", Before: "", After: "7"}}
	if diff := cmp.Diff(want, a.Changes[0].Parts); diff != "" {
		t.Errorf("change mismatch (-want +got):\n%s", diff)
	}
	if n := qubes["work"].Transactions.Top(1)[0]; n.Name != "http" || n.N != 1 || a.Lists.Top(1)[0].N != 917 {
		t.Errorf("transactions = %+v, lists = %+v", n, a.Lists.Top(1)[0])
	}
}

func TestAnalysis_summary(t *testing.T) {
	t.Parallel()
	q := read(t, analysis.Config{}, event(1, "qubesbeat.summary",
		`},"qube":{"name":"work"},"summary":{"dataset":"flow","events":10,"count":9,"spoofed":2,"sent":{"bytes":100},"received":{"bytes":200}}`)+
		event(2, "qubesbeat.summary", `},"qube":{"name":"work"},"summary":{"dataset":"qubesbeat.dns","events":5,"count":50,"outcomes":[{"name":"dns-blocked","count":20},{"name":"x","count":1}]}`)+
		event(3, "qubesbeat.summary", `},"qube":{"name":"work"},"summary":{"dataset":"qubesbeat.firewall","events":5,"count":7}`)).Qubes()[0]
	if q.Flows != 9 || q.Out != 100 || q.In != 200 || q.Spoofed != 2 || q.Summarized != 20 || q.Queries != 50 || q.Denied != 20 || q.Refused != 7 {
		t.Errorf("qube = %+v", q)
	}
	if sum := q.Peers.Sum(); sum.Bytes() != q.Bytes() {
		t.Errorf("peers have %d bytes, the qube %d", sum.Bytes(), q.Bytes())
	}
}

func TestAnalysis_selection(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	conf := analysis.Config{From: day.Add(2 * time.Second), To: day.Add(4 * time.Second), Qubes: []string{"work", "other"}}
	text := ""
	for s := range 6 {
		text += flow(s, "work", "198.51.100.7", "", 1, 1, 0, "") + flow(s, "banking", "198.51.100.7", "", 1, 1, 0, "")
	}
	if a := read(t, conf, text); a.Events != 2 || a.Excluded != 10 || a.Total.Out != 2 {
		t.Errorf("%d events, %d excluded, %d bytes; want 2, 10, 2", a.Events, a.Excluded, a.Total.Out)
	}
}

// However many peers there are, memory is bounded and no byte is lost.
func TestAnalysis_bounded(t *testing.T) {
	t.Parallel()
	const flows = 70_000
	r, w := io.Pipe()
	go func() {
		for i := range flows {
			size := 10
			if i%10 == 0 {
				size = 1000
			}
			addr := fmt.Sprintf("198.%d.%d.%d", i>>16&255, i>>8&255, i&255)
			if i%7 == 0 {
				addr, size = "192.0.2.1", 5000
			}
			_, _ = io.WriteString(w, flow(i%1000, "work", addr, "", 443, size, 0, ""))
		}
		_ = w.Close()
	}()
	a := analysis.New(analysis.Config{Domain: registered})
	if err := a.Read("-", r, nil); err != nil {
		t.Fatal(err)
	}
	q := a.Qubes()[0]
	if sum := q.Peers.Sum(); sum.Out != q.Out || sum.Flows != flows || q.Flows != flows {
		t.Errorf("peers: %d bytes, %d flows; qube: %d bytes, %d flows", sum.Out, sum.Flows, q.Out, q.Flows)
	}
	if q.Peers.Len() > 20_000 || q.Peers.Dropped == 0 {
		t.Errorf("%d peers are kept, %d were dropped", q.Peers.Len(), q.Peers.Dropped)
	}
	if p := q.Peers.Top(1)[0]; p.IP != "192.0.2.1" || p.Flows != flows/7 {
		t.Errorf("the largest peer is %s with %d flows; want 192.0.2.1 with %d", p.IP, p.Flows, flows/7)
	}
}

// Qubes beyond the first thousand are one.
func TestAnalysis_manyQubes(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 1500 {
		text.WriteString(flow(1, fmt.Sprintf("disp%d", i), "198.51.100.7", "", 443, 1, 0, ""))
	}
	a := read(t, analysis.Config{}, text.String())
	qubes := a.Qubes()
	if last := qubes[len(qubes)-1]; len(qubes) != 1001 || !last.Others || last.Flows != 500 || a.Total.Flows != 1500 || a.OtherQubes != 500 {
		t.Errorf("%d qubes, the last with %d flows; %d in all", len(qubes), last.Flows, a.Total.Flows)
	}
}

// In a file with delta reports all events count, and each file is looked at by itself.
func TestAnalysis_delta(t *testing.T) {
	t.Parallel()
	report := func(n, bytes int, final bool) string {
		return event(n, "flow", fmt.Sprintf(`},"flow":{"final":%v,"id":"f"},"qube":{"name":"work"},"source":{"bytes":%d}`, final, bytes))
	}
	growing := report(1, 10, false) + report(2, 30, false) + report(3, 60, true)
	delta := report(1, 10, false) + report(2, 20, false) + report(3, 15, false) + report(4, 15, true)
	for name, texts := range map[string][]string{"both": {growing, delta}, "reversed": {delta, growing}} {
		a := read(t, analysis.Config{}, texts...)
		if a.Total.Out != 120 || a.Total.Flows != 2 || a.Interim != 2 {
			t.Errorf("%s: %d bytes, %d flows, %d interim; want 120, 2, 2", name, a.Total.Out, a.Total.Flows, a.Interim)
		}
	}
	if a := read(t, analysis.Config{}, growing+report(9, 5, false)); a.Files[0].IsDelta {
		t.Error("a flow that goes on after its active timeout is taken for delta reports")
	}
}

func TestAnalysis_Read_faults(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"empty":      {"", "there is no event in it"},
		"truncated":  {flow(1, "a", "", "", 1, 1, 1, "") + `{"@timestamp":"2026-`, "lines that are not events: 1; the first is line 2: not a JSON object"},
		"long":       {`{"a":"` + strings.Repeat("x", 5<<20) + `"}` + "\n" + flow(1, "a", "", "", 1, 1, 1, ""), "line 1: longer than 4 MiB"},
		"other":      {`{"message":"x"}`, "line 1: @timestamp is missing"},
		"no dataset": {`{"@timestamp":"2026-11-21T00:00:00Z"}`, "there is no event.dataset"},
		"packetbeat": {`{"@timestamp":"2026-11-21T00:00:00Z","agent":{"type":"packetbeat"},"event":{"dataset":"flow"}}`, "of packetbeat, and none names a qube"},
		"gzip":       {"\x1f\x8b\x08\x00", "decompressing"},
	} {
		a := analysis.New(analysis.Config{Domain: registered})
		if err := a.Read("-", strings.NewReader(tt.text), nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", name, err, tt.want)
		}
	}
	if err := analysis.New(analysis.Config{}).Read("/nowhere/events.ndjson", nil, nil); err == nil {
		t.Error("no error for a file that is not there")
	}
}

// Of a compressed file that is cut off, what can be read counts.
func TestAnalysis_Read_cut(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 2000 {
		text.WriteString(flow(i, fmt.Sprintf("qube-%d", i*i), "", "", 1, 1, 1, ""))
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(text.String())); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	a := analysis.New(analysis.Config{Domain: registered})
	err := a.Read("-", bytes.NewReader(packed.Bytes()[:packed.Len()/2]), nil)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("after line %d: unexpected EOF", a.Events)) || a.Events < 500 || a.Events > 1500 {
		t.Errorf("%d of 2000 events, %v", a.Events, err)
	}
	if f := a.Files[0]; f.SHA256 != "" || f.Lines != int(a.Events) {
		t.Errorf("File = %+v; want no digest", f)
	}
}

// The axis becomes coarser and loses nothing.
func TestTimeline(t *testing.T) {
	t.Parallel()
	for _, gap := range []int{1, 7, 61, 3601, 90_000, 9_000_000} {
		var text strings.Builder
		for i := range 400 {
			text.WriteString(flow(i*gap, "work", "198.51.100.7", "", 443, 1, 0, ""))
		}
		line := read(t, analysis.Config{}, text.String()).Timeline
		start, bins := line.Start()
		sum := uint64(0)
		for i := range bins {
			b := line.Bin(i)
			sum += b.Bytes[analysis.LabelIndex("blue")]
		}
		if sum != 400 || bins > analysis.Bins || bins < 30 || start.After(time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("gap %d: %d of 400 bytes in %d bins of %v from %v", gap, sum, bins, line.Step(), start)
		}
	}
}
