package safetext_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// harmful are characters that must not reach a terminal.
const harmful = "\x00\a\b\t\n\v\f\r\x1b\x7f\u0085\u009b\u061c\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060" +
	"\u2066\u2067\u2068\u2069\ufeff\u00ad\u00a0\u034f\u115f\u3164\uffa0\u180e\ufe0f\U000e0041\U000e0100\ue000"

// TestLine shows what cannot be seen, and leaves the rest alone.
func TestLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                             "",
		"www.example.org":              "www.example.org",
		"bücher.例え 🦀 ½":                "bücher.例え 🦀 ½",
		`a\009b`:                       `a\009b`,
		"a\nb\r\tc":                    `a\nb\r\tc`,
		"\x1b]0;x\a":                   `\u001b]0;x\u0007`,
		"\xffa\xc3":                    `\xffa\xc3`,
		"user\u202egpj.exe":            `user\u202egpj.exe`,
		"\u009b31m":                    `\u009b31m`,
		"pay\u200bpal":                 `pay\u200bpal`,
		"tag\U000e0041":                `tag\udb40\udc41`,
		"\ufffd is a visible question": "\ufffd is a visible question",
	} {
		if got := safetext.Line(in); got != want {
			t.Errorf("Line(%q) = %q; want %q", in, got, want)
		}
	}
	for _, r := range harmful {
		if got := safetext.Line(string(r)); got == string(r) {
			t.Errorf("Line lets %U through", r)
		}
	}
}

// TestLine_allocs is not parallel, because AllocsPerRun must not be.
func TestLine_allocs(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { _ = safetext.Line("www.bücher.example") }); n != 0 {
		t.Errorf("Line of harmless text allocates %v times; want 0", n)
	}
}

// TestBlock keeps lines apart from those of others.
func TestBlock(t *testing.T) {
	t.Parallel()
	if got, want := safetext.Block("first\nqubesbeat: OK\x1b\n"), "first\n  qubesbeat: OK\\u001b\n"; got != want {
		t.Errorf("Block = %q; want %q", got, want)
	}
}

// TestError keeps what an error is.
func TestError(t *testing.T) {
	t.Parallel()
	cause := errors.New("a\x1b")
	if err := safetext.Error(cause); err.Error() != `a\u001b` || !errors.Is(err, cause) || safetext.Error(nil) != nil {
		t.Errorf("Error = %v", err)
	}
}

// TestCell keeps usual text as it is, and makes a formula of nothing.
func TestCell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "www.example.org.": "www.example.org.", "_dmarc.a-b.example.": "_dmarc.a-b.example.", "A (192.0.2.1)": "A (192.0.2.1)",
		"=cmd|x": `\061cmd|x`, "+1": `\0431`, "-1": `\0451`, "@SUM": `\064SUM`, "a\tb\nc": `a\009b\010c`, "ü": `\195\188`, "\t=1": `\009=1`,
	} {
		if got := safetext.Cell(in); got != want {
			t.Errorf("Cell(%q) = %q; want %q", in, got, want)
		}
	}
}

// TestWriter keeps the program's own line breaks and columns.
func TestWriter(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	n, err := fmt.Fprintf(safetext.NewWriter(&out), "%s\t%s\n", "a\x1b[31m", "ü\r")
	if want := "a\\u001b[31m\tü\\r\n"; out.String() != want || n != len("a\x1b[31m\tü\r\n") || err != nil {
		t.Errorf("Write = %q, %d, %v; want %q", out.String(), n, err, want)
	}
}

// FuzzText checks every form of any text.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "plain", harmful, "=1+1\n", "\xff\xfe", "<script>\u202e&"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line := safetext.Line(s)
		if !utf8.ValidString(line) || strings.ContainsAny(line, harmful) || safetext.Line(line) != line {
			t.Errorf("Line(%q) = %q", s, line)
		}
		if got := safetext.HTML(s); strings.ContainsAny(got, "<>\"'"+harmful) || html.UnescapeString(got) != line {
			t.Errorf("HTML(%q) = %q", s, got)
		}
		if utf8.ValidString(s) { // what is shown of JSON is still the same JSON
			text, _ := json.Marshal(s)
			var back string
			if err := json.Unmarshal([]byte(safetext.Line(string(text))), &back); err != nil || back != s {
				t.Errorf("JSON of %q reads back as %q: %v", s, back, err)
			}
		}
		checkCell(t, s)
	})
}

// checkCell reads a row back that has the text in it.
func checkCell(t *testing.T, s string) {
	t.Helper()
	cell := safetext.Cell(s)
	if strings.IndexFunc(cell, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 || cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
		t.Errorf("Cell(%q) = %q", s, cell)
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"a", cell})
	w.Flush()
	if strings.Count(b.String(), "\n") != 1 {
		t.Errorf("a row with %q has more than one line: %q", s, b.String())
	}
}
