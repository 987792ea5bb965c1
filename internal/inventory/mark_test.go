package inventory_test

import (
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
)

// TestCase27_byteOrderMark reads inventories as editors on Windows write them.
func TestCase27_byteOrderMark(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"columns named":    "\xef\xbb\xbf#fields NAME|IP|LABEL\r\nwork|10.137.0.6|blue\r\n",
		"in another order": "\xef\xbb\xbf#fields IP|NAME|LABEL\r\n10.137.0.6|work|blue\r\n",
		"JSON":             "\xef\xbb\xbf{\"version\": 1, \"qubes\": [{\"name\": \"work\", \"ip\": \"10.137.0.6\", \"label\": \"blue\"}]}",
	} {
		s, err := inventory.Parse(strings.NewReader(text), inventory.Config{})
		if err != nil || len(s.Qubes) != 1 || s.Qubes[0].Name != "work" || s.Qubes[0].Label != "blue" {
			t.Errorf("%s: Parse = %+v, %v; want one qube", name, s, err)
		}
	}
	for _, text := range []string{"\xff\xfe#\x00f\x00", "\xfe\xff\x00#\x00f"} {
		if s, err := inventory.Parse(strings.NewReader(text), inventory.Config{}); err == nil || !strings.Contains(err.Error(), "UTF-16") {
			t.Errorf("Parse(%q) = %+v, %v; want an error that names UTF-16", text, s, err)
		}
	}
}
