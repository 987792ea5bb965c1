package htmlreport_test

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/htmlreport"
)

// luminance returns the relative luminance of a colour (WCAG 2.2).
func luminance(t *testing.T, color string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(color, "#"), 16, 24)
	if err != nil {
		t.Fatalf("%q is no colour", color)
	}
	part := func(shift uint) float64 {
		c := float64(n>>shift&255) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// TestStyle_contrast computes the contrast of all pairs in the light, the dark and the
// printed scheme.
func TestStyle_contrast(t *testing.T) {
	t.Parallel()
	schemes := regexp.MustCompile(`:root\{([^}]*)\}`).FindAllStringSubmatch(htmlreport.Style(), -1)
	if len(schemes) != 3 {
		t.Fatalf("%d schemes; want 3", len(schemes))
	}
	for i, s := range schemes {
		color := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z0-9]+):(#[0-9a-f]{6})`).FindAllStringSubmatch(s[1], -1) {
			color[m[1]] = m[2]
		}
		least := func(what, on string, want float64) {
			if got := contrast(t, color[what], color[on]); got < want {
				t.Errorf("scheme %d: --%s on --%s has contrast %.2f; want %.1f", i, what, on, got, want)
			}
		}
		for _, on := range []string{"bg", "zebra"} {
			for _, what := range []string{"fg", "soft", "link", "bad"} {
				least(what, on, 4.5)
			}
			for _, what := range []string{"edge", "bar", "out", "in", "refused", "denied", "alert"} {
				least(what, on, 3) // outlines and drawings
			}
		}
		for _, on := range []string{"h1", "h2", "h3", "h4", "h5"} {
			least("fg", on, 4.5)
		}
	}
}

// Beside each dot stands the word of the label, in each table, answer and forest: colours
// alone say nothing to many.
func TestWrite_words(t *testing.T) {
	t.Parallel()
	var events strings.Builder
	for _, label := range analysis.Labels {
		events.WriteString(strings.NewReplacer(`"work"`, `"qube-`+label+`"`, "green", label).Replace(flow("sys-log", "work", "sys-log", "")))
		events.WriteString(strings.Replace(`{"@timestamp":"2026-11-21T20:59:01Z","host":{"name":"sys-log"},"event":{"dataset":"qubesbeat.finding","kind":"alert","action":"x"},"qube":{"name":"qube-L","label":"L"}}`+"\n", "L", label, -1))
	}
	text := page(t, read(t, events.String()))
	found := 0
	for _, line := range regexp.MustCompile(`(?s)<tr>.*?</tr>|<p>.*?</p>|<p class="bad">.*?</p>|<li>.*?</li>|<h2>.*?</h2>`).FindAllString(text, -1) {
		for _, m := range regexp.MustCompile(`dot l-(\w+)`).FindAllStringSubmatch(line, -1) {
			rest := strings.ReplaceAll(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(line, " "), "qube-"+m[1], "")
			if found++; !strings.Contains(rest, m[1]) {
				t.Errorf("a dot has no word beside it: %s", line)
			}
		}
	}
	if dots := strings.Count(text, `class="dot l-`) - strings.Count(text, `<span><span class="dot l-`); found != dots || dots < 40 {
		t.Errorf("%d of %d dots are in a line that was looked at", found, dots)
	}
}
