package dom0_test

import (
	"os"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// printed returns what the real qubesd or qvm-ls of a release printed. It skips the
// test where that is not there.
func printed(t testing.TB, release, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(fixture.Shared(t, "fixtures", "qvm-ls", release, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// releases are those of which there are answers. A table whose cases do not depend on the
// release takes them in turn.
var releases = [...]string{"r4.2", "r4.3"}

// eachRelease runs a test for both releases, at the same time.
func eachRelease(t *testing.T, test func(t *testing.T, release string)) {
	t.Parallel()
	for _, release := range releases {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			test(t, release)
		})
	}
}

// A row is a qube as qvm-ls printed it, with "" for "-".
type row struct {
	name, class, state, label, netvm, ip, ip6, template, provides, xid, uuid string
}

// rows returns the qubes of a release by name.
func rows(t testing.TB, release string) map[string]*row {
	t.Helper()
	found := make(map[string]*row)
	for line := range strings.Lines(string(printed(t, release, "qvm-ls--fields-inventory.txt"))) {
		q := new(row)
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "|")
		for i, to := range []*string{&q.name, &q.class, &q.state, &q.label, &q.netvm, &q.ip, &q.ip6, &q.template, &q.provides, &q.xid, &q.uuid} {
			if *to = cells[i]; *to == "-" {
				*to = ""
			}
		}
		found[q.name] = q
	}
	return found
}

// networked says whether a qube has addresses (qubes-core-admin, qubes/vm/mix/net.py, is_networked).
func (q *row) networked() bool {
	return q.netvm != "" || q.provides == "True"
}

// behind says whether the chain of netvms of a qube leads through another.
func behind(qubes map[string]*row, name, logging string) bool {
	for range len(qubes) {
		q := qubes[name]
		if q == nil || q.netvm == "" {
			return false
		}
		if q.netvm == logging {
			return true
		}
		name = q.netvm
	}
	return false
}
