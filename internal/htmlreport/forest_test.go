package htmlreport_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// flow is an event of a flow of a qube.
func flow(host, name, netvm, more string) string {
	return fmt.Sprintf(`{"@timestamp":"2026-11-21T20:59:00Z","host":{"name":%q},"event":{"dataset":"flow"},"flow":{"final":true},"source":{"bytes":1000},`+
		`"qube":{"name":%q,"label":"green","netvm":%q%s}}`+"\n", host, name, netvm, more)
}

// verdict is an event of a check of sys-vpn.
func verdict(check, word, more string) string {
	return fmt.Sprintf(`{"@timestamp":"2026-11-21T20:59:01Z","host":{"name":"sys-log"},"event":{"dataset":"qubesbeat.verify","reason":"1 packet"},"rule":{"id":%q},`+
		`"verify":{"verdict":%q,"subject":"sys-vpn"%s},"qube":{"name":"sys-vpn","netvm":"sys-log"}}`+"\n", check, word, more)
}

// tree returns the part of a page with the forest: a line for each qube, indented.
func tree(page string) string {
	_, page, _ = strings.Cut(page, `<div class="tree">`)
	page, _, _ = strings.Cut(page, `<h3>Between`)
	page, _, _ = strings.Cut(page, "<svg")
	var b strings.Builder
	depth := 0
	tags := regexp.MustCompile(`<[^>]*>`)
	for _, part := range regexp.MustCompile(`</?ul>|<li>[^\n]*?(?:</li>|<ul>)`).FindAllString(page, -1) {
		if strings.HasPrefix(part, "<ul>") {
			depth++
			continue
		}
		if part == "</ul>" {
			depth--
			continue
		}
		fmt.Fprintln(&b, strings.Repeat(" ", depth)+strings.ReplaceAll(strings.TrimSpace(tags.ReplaceAllString(part, "")), "&nbsp;", ""))
		if strings.HasSuffix(part, "<ul>") {
			depth++
		}
	}
	return b.String()
}

// The forest has qubes behind a ProxyVM, the way out, and what the worst checks say.
func TestWrite_forest(t *testing.T) {
	t.Parallel()
	text := page(t, read(t, flow("sys-log", "work", "sys-log", "")+flow("sys-log", "sys-vpn", "sys-log", `,"clients":["bank","mail"]`)+
		verdict("VPN-1", "fail", `,"expect":{"exit":"vpn","endpoints":["203.0.113.9:51820/udp"]},"tunnel":{"protocol":"wireguard"}`)+
		verdict("VPN-4", "pass", "")+verdict("VPN-9", "unknown", `,"why":"no-traffic"`)))
	want := ` sys-vpn green 1.00 kB out, 0 B in ⇒ vpn wireguard 203.0.113.9:51820/udp fail VPN-1
  bank
  mail
 work green 1.00 kB out, 0 B in
`
	if diff := cmp.Diff(want, tree(text)); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	_, own, _ := strings.Cut(text, `<section class="page"`)
	if n := strings.Count(own, `<td class="k">VPN-`); n != 3 {
		t.Errorf("%d checks on the page of sys-vpn; want 3", n)
	}
	for _, want := range []string{"e-fail", `<text `, "sys-vpn ✗"} {
		if !strings.Contains(text, want) {
			t.Errorf("the picture has no %s", want)
		}
	}
}

// Two qubes that are each other's netvm, and qubes of one name, are all there, once.
func TestWrite_circle(t *testing.T) {
	t.Parallel()
	text := page(t, read(t, flow("sys-log", "a", "b", "")+flow("sys-log", "b", "a", "")+flow("sys-log", "disp1", "sys-log", `,"uuid":"1"`)+flow("sys-log", "disp1", "sys-log", `,"uuid":"2"`)))
	want := ` a green 1.00 kB out, 0 B in
 b green 1.00 kB out, 0 B in
 disp1 green 2.00 kB out, 0 B in
`
	if diff := cmp.Diff(want, tree(text)); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
}

// Each machine has a forest of its own.
func TestWrite_machines(t *testing.T) {
	t.Parallel()
	text := page(t, read(t, flow("one", "work", "sys-log", "")+flow("two", "work", "sys-log", "")))
	if n := strings.Count(text, `<div class="tree">`); n != 2 {
		t.Errorf("%d forests; want 2", n)
	}
}

// Where SVG is switched off, as at Tor Browser's level Safest, all that pictures say is on
// the page: each text of the map, and each number of a timeline as a row of its table.
func TestWrite_withoutSVG(t *testing.T) {
	t.Parallel()
	text := page(t, read(t, flow("sys-log", "work", "sys-log", `,"ip":"10.137.0.6"`)+flow("sys-log", "sys-vpn", "sys-log", `,"clients":["bank"]`)+
		verdict("VPN-1", "fail", `,"expect":{"exit":"vpn","endpoints":["203.0.113.9:51820/udp"]},"tunnel":{"protocol":"wireguard"}`)))
	drawn := regexp.MustCompile(`(?s)<svg.*?</svg>`)
	rest := drawn.ReplaceAllString(text, "")
	words := 0
	for _, m := range regexp.MustCompile(`<text [^>]*>([^<]*)</text>`).FindAllStringSubmatch(strings.Join(drawn.FindAllString(text, -1), ""), -1) {
		for _, w := range strings.Fields(m[1]) {
			if words++; w != "✗" && w != "✓" && w != "-" && !strings.Contains(rest, w) {
				t.Errorf("%q is in the picture alone", w)
			}
		}
	}
	if words < 8 {
		t.Errorf("%d words in the pictures", words)
	}
	if charts, tables := strings.Count(text, "Bytes over time"), strings.Count(rest, "<summary>As a table</summary>"); charts == 0 || charts != tables {
		t.Errorf("%d timelines, %d tables of them", charts, tables)
	}
}

// A file without the name of any qube says so, and does not say that nothing was lost.
func TestWrite_packetbeat(t *testing.T) {
	t.Parallel()
	text := page(t, read(t, strings.ReplaceAll(flow("sys-log", "work", "sys-log", ""), `"qube"`, `"x"`)))
	if !strings.Contains(text, "it is a file of packetbeat") || strings.Contains(text, "Nothing was lost") {
		t.Error("the page does not say that the events name no qube")
	}
}
