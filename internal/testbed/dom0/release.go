package dom0

import (
	"os"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// Printed returns what the real qubesd or qvm-ls of a release printed. It skips the
// test where that is not there.
func Printed(t testing.TB, release, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(fixture.Shared(t, "fixtures", "qvm-ls", release, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Qubes returns the qubes of a release by name, as qvm-ls printed them.
func Qubes(t testing.TB, release string) map[string]*Qube {
	t.Helper()
	found := make(map[string]*Qube)
	for line := range strings.Lines(string(Printed(t, release, "qvm-ls--fields-inventory.txt"))) {
		q := new(Qube)
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "|")
		for i, to := range []*string{&q.Name, &q.Class, &q.State, &q.Label, &q.NetVM, &q.IP, &q.IP6, &q.Template, &q.Provides, &q.XID, &q.UUID} {
			if *to = cells[i]; *to == "-" {
				*to = ""
			}
		}
		found[q.Name] = q
	}
	return found
}

// lines returns the lines of an answer.
func lines(answer []byte) []string {
	return strings.Split(strings.TrimSuffix(strings.TrimPrefix(string(answer), "0\x00"), "\n"), "\n")
}
