package leaks_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
)

// elsewhere are the scenes of docs/verify.md that are not played here, and where they are.
const elsewhere = `52	malformed packets	no panic, the balance holds	FuzzVerifier_Packet of internal/verify, and the fuzz targets of internal/tunnelmark
53	a map of 300 qubes	well-formed, no overlap, the same bytes twice	TestMap of internal/topology
`

// table is what was wanted and what came, by scene. It is printed at the end of a test.
type table struct {
	mu   sync.Mutex
	rows []string
}

func newTable(t *testing.T) *table {
	t.Helper()
	all := &table{}
	t.Cleanup(func() {
		t.Helper()
		var b strings.Builder
		w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
		fmt.Fprint(w, "SCENE\tEXPECTED\tGOT\n")
		slices.Sort(all.rows)
		for _, row := range slices.Compact(all.rows) {
			fmt.Fprint(w, row)
		}
		w.Flush()
		t.Logf("%d scenes\n%s\nElsewhere:\n%s", len(all.rows), b.String(), elsewhere)
	})
	return all
}

// add adds a row. It is safe for concurrent use.
func (t *table) add(name, want, got string) {
	_, scene, _ := strings.Cut(name, "/")
	if got == want {
		got = "the same"
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, fmt.Sprintf("%s\t%s\t%s\n", scene, want, got))
}
