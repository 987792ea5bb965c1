package htmlreport_test

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/htmlreport"
)

// TestFiles reads all files back: no cell can be a formula, and each row has all columns.
func TestFiles(t *testing.T) {
	t.Parallel()
	for _, s := range append(hostile, "=1+1", "+1", "-1", "@x", "a\nb", `"`) {
		for _, f := range htmlreport.Files(read(t, world(s))) {
			var b bytes.Buffer
			if err := f.Write(&b); err != nil {
				t.Fatal(err)
			}
			rows, err := csv.NewReader(&b).ReadAll() // the same number of columns in each
			if err != nil || len(rows) < 1 {
				t.Fatalf("%s of %q: %d rows, %v", f.Name, s, len(rows), err)
			}
			for _, cell := range slices.Concat(rows...) {
				if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
					t.Errorf("%s of %q: the cell %q", f.Name, s, cell)
				}
			}
		}
	}
}

// Numbers are written out, not rounded.
func TestFiles_numbers(t *testing.T) {
	t.Parallel()
	for _, f := range htmlreport.Files(read(t, world("x"))) {
		var b bytes.Buffer
		if err := f.Write(&b); err != nil {
			t.Fatal(err)
		}
		if f.Name == "peers.csv" && !strings.Contains(b.String(), ",1000,90000,2026-11-21T20:59:00Z,") {
			t.Errorf("%s:\n%s", f.Name, b.String())
		}
	}
}
