package inventory_test

import (
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
)

// TestCase27_form names what a file is that is no inventory, and gives no advice about
// columns that it does not have.
func TestCase27_form(t *testing.T) {
	t.Parallel()
	const lines = "#fields NAME|IP|LABEL\nwork|10.137.0.6|blue\n"
	wide := strings.Join(strings.Split(lines, ""), "\x00") + "\x00"
	for name, tt := range map[string]struct{ text, want string }{
		"UTF-16 without a mark":       {wide, "UTF-16"},
		"UTF-16BE without a mark":     {"\x00" + strings.TrimSuffix(wide, "\x00"), "UTF-16"},
		"JSON in UTF-16":              {"{\x00\"\x00q\x00", "UTF-16"},
		"gzip":                        {"\x1f\x8b\x08\x00", "gzip"},
		"xz":                          {"\xfd7zXZ\x00\x00", "xz"},
		"binary":                      {"\x89PNG\r\n\x1a\n\x00", "a binary file"},
		"a list":                      {` [{"name":"work"}]`, `{"version":1,"qubes":[`},
		"a list of names":             {`["work"]`, `{"version":1,"qubes":[`},
		"a page":                      {"<html>\n<body>", "HTML"},
		"commas":                      {"NAME,IP,LABEL\nwork,10.137.0.6,blue\n", "separated by commas"},
		"commas, marked":              {"#fields NAME,IP,LABEL\nwork,10.137.0.6,blue\n", "separated by commas"},
		"semicolons":                  {"NAME;IP\nwork;10.137.0.6\n", "separated by semicolons"},
		"tabs":                        {"#fields NAME\tIP\tLABEL\nwork\t10.137.0.6\tblue\n", "separated by tabs"},
		"tabs, without a line before": {"work\t10.137.0.6\tblue\n", "separated by tabs"},
		"a table":                     {"NAME  STATE  CLASS\nwork  Running AppVM\n", "--raw-data"},
	} {
		_, err := inventory.Parse(strings.NewReader(tt.text), inventory.Config{})
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "first line with their names") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want one problem with %q", name, err, tt.want)
		}
	}
	for _, text := range []string{"#fields\tNAME\nwork\n", "#fields\tNAME,IP\nwork|10.137.0.6\n"} {
		if s, err := inventory.Parse(strings.NewReader(text), inventory.Config{}); err == nil && len(s.Qubes) != 1 || err != nil && strings.Contains(err.Error(), "separated") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"\ufeff\ufeff" + lines, "\ufeff\ufeff" + `{"version":1,"qubes":[{"name":"work"}]}`} {
		if s, err := inventory.Parse(strings.NewReader(text), inventory.Config{}); err != nil || len(s.Qubes) != 1 {
			t.Errorf("two marks: %v", err)
		}
	}
}
