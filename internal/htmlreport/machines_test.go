package htmlreport_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/htmlreport"
)

// headings returns the headings of the machines of a page, as texts, and how many links
// lead to one that is there.
func headings(page string) (names []string, links int) {
	tags := regexp.MustCompile(`<[^>]*>`)
	for _, m := range regexp.MustCompile(`<h3 id="(m\d+)">(.*?)</h3>`).FindAllStringSubmatch(page, -1) {
		names = append(names, tags.ReplaceAllString(m[2], ""))
		links += strings.Count(page, `<a href="#`+m[1]+`">`)
	}
	return names, links
}

// Each machine has a heading with its forest, and a link to it with its sums. Below it,
// qubes have their names alone.
func TestWrite_machines_two(t *testing.T) {
	t.Parallel()
	text := page(t, read(t, flow("anna", "work", "sys-log", "")+flow("bert", "work", "sys-log", "")+flow("bert", "mail", "sys-log", "")))
	check(t, text)
	names, links := headings(text)
	if diff := cmp.Diff([]string{"anna (sys-log)", "bert (sys-log)"}, names); diff != "" || links != 2 {
		t.Errorf("%d links; want 2; mismatch (-want +got):\n%s", links, diff)
	}
	if !strings.Contains(text, "<span>2 qubes</span> <span>2 flows</span> <span>2.00 kB out</span>") {
		t.Error("the second machine has no sums")
	}
	if diff := cmp.Diff(" work green 1.00 kB out, 0 B in\n", tree(text)); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	if !strings.Contains(text, "work @ anna") || !strings.Contains(text, "work @ bert") {
		t.Error("tables do not say whose qube it is")
	}
}

// One machine needs no links.
func TestWrite_machines_one(t *testing.T) {
	t.Parallel()
	text := page(t, read(t, flow("sys-log", "work", "sys-log", "")+flow("sys-log", "mail", "sys-log", "")))
	if names, links := headings(text); len(names) != 1 || links != 0 {
		t.Errorf("headings %q, %d links", names, links)
	}
}

// Twenty machines, some with names of bad intent or great length.
func TestWrite_machines_twenty(t *testing.T) {
	t.Parallel()
	all := []string{"</title><script>alert(1)</script>", "\u202egnp.exe", "аррӏе", strings.Repeat("long-", 40)}
	for i := len(all); i < 20; i++ {
		all = append(all, fmt.Sprintf("machine-%02d", i))
	}
	var events strings.Builder
	for _, host := range all {
		events.WriteString(flow(host, "work", "sys-log", ""))
	}
	text := page(t, read(t, events.String()))
	check(t, text)
	names, links := headings(text)
	if len(names) != 20 || links != 20 {
		t.Errorf("%d headings, %d links; want 20", len(names), links)
	}
	for _, want := range []string{`@ \u202egnp.exe`, "@ long-long-long-long-long-long-…", `@ аррӏе</bdi></a><span class="odd">`} {
		if !strings.Contains(text, want) {
			t.Errorf("the tables have no %s", want)
		}
	}
	if strings.Contains(text, strings.Repeat("long-", 21)) {
		t.Error("a name of great length is not cut")
	}
}

// In the files of tables two qubes of one name differ.
func TestFiles_machines(t *testing.T) {
	t.Parallel()
	a := read(t, flow("anna", "work", "sys-log", `,"uuid":"1"`)+flow("=bert", "work", "sys-log", `,"uuid":"2"`))
	for _, f := range htmlreport.Files(a) {
		if f.Name != "qubes.csv" {
			continue
		}
		var b bytes.Buffer
		if err := f.Write(&b); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{",Host,UUID\n", ",anna,1\n", "bert,2\n"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("no %q:\n%s", want, b.String())
			}
		}
	}
}

// With more qubes than there is room for, those that provide network, fail a check or have an
// alert keep their places, and the sums of a machine are of all its qubes.
func TestWrite_machines_many(t *testing.T) {
	t.Parallel()
	var events strings.Builder
	for i := range 300 {
		events.WriteString(strings.Replace(flow("sys-log", fmt.Sprintf("qube-%03d", i), "sys-log", ""), `"bytes":1000`, `"bytes":2000`, 1))
	}
	events.WriteString(flow("sys-log", "behind", "sys-firewall", "") + flow("sys-log", "sys-firewall", "sys-log", "") + flow("sys-log", "quiet", "sys-log", "") + flow("sys-log", "odd", "sys-log", "") + flow("two", "work", "sys-log", ""))
	events.WriteString(`{"@timestamp":"2026-11-21T20:59:01Z","host":{"name":"sys-log"},"event":{"dataset":"qubesbeat.finding","kind":"alert","action":"lateral","reason":"x"},"qube":{"name":"odd"},"finding":{"method":"port"}}` + "\n")
	events.WriteString(verdict("VPN-1", "fail", `,"expect":{"exit":"vpn"}`) + flow("sys-log", "sys-vpn", "sys-log", `,"clients":["client"]`) + flow("sys-log", "client", "sys-vpn", ""))
	text := page(t, read(t, events.String()))
	forest := tree(text)
	for name, want := range map[string]bool{"sys-vpn": true, "sys-firewall": true, "odd": true, "quiet": false, "client green": true, "qube-001": true} {
		if got := strings.Contains(forest, " "+name+" "); got != want {
			t.Errorf("%s is in the forest: %v; want %v", name, got, want)
		}
	}
	if !strings.Contains(text, "<span>306 qubes</span>") || !strings.Contains(text, "103 qubes with few bytes and nothing to look at are not shown") {
		t.Error("the page does not say how many qubes a machine has, or how many the forests have not")
	}
	for _, name := range []string{"odd", "sys-vpn"} {
		if !regexp.MustCompile(`<h2><span class="dot l-\w+"></span> <bdi dir="ltr">` + name + ` @ sys-log</bdi>`).MatchString(text) {
			t.Errorf("%s has no page", name)
		}
	}
}

// A machine whose qubes fail checks says so in the list of machines.
func TestWrite_machines_fails(t *testing.T) {
	t.Parallel()
	text := page(t, read(t, flow("anna", "work", "sys-log", "")+flow("bert", "work", "sys-log", "")+verdict("VPN-1", "fail", "")+verdict("VPN-4", "fail", "")))
	if n := strings.Count(text, `<span class="bad">1 qube fails a check</span></li>`); n != 1 {
		t.Errorf("%d machines have a qube that fails a check; want 1", n)
	}
}
