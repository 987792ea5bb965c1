package detect

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// TestNames holds the share of popular domains that look generated to docs/detection.md, and what is
// found of generated ones. -v prints the table of families.
func TestNames(t *testing.T) {
	t.Parallel()
	path := fixture.SharedPath(t, "labelled", "dev", "DGA_domains_dataset", "dga_domains_sample.csv")
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("no names at %s; QUBESBEAT_SHARED names the folder that has them", path)
	}
	defer f.Close()
	odd, all := map[string]int{}, map[string]int{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		part := strings.Split(strings.TrimSpace(lines.Text()), ",")
		if len(part) != 3 {
			continue
		}
		domain, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(part[2]))
		if _, icann := publicsuffix.PublicSuffix(domain); err != nil || !icann {
			continue // of a provider: no person has chosen it
		}
		label, _, _ := strings.Cut(domain, ".")
		for _, of := range []string{part[0], part[0] + " " + part[1]} {
			all[of]++
			if bits, ok := names.Oddity(label); ok && bits > names.OddLabel {
				odd[of]++
			}
		}
	}
	var text strings.Builder
	share := func(of string) float64 { return 100 * float64(odd[of]) / float64(max(all[of], 1)) }
	for _, of := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "%-24s %5.1f %% of %d\n", of, share(of), all[of])
	}
	t.Logf("\n%s", text.String())
	if all["legit"] < 1000 || share("legit") > 1.1 || share("dga") < 45 {
		t.Errorf("%.2f %% of %d popular domains and %.1f %% of %d generated ones look generated; want at most 1.1 and at least 45", share("legit"), all["legit"],
			share("dga"), all["dga"])
	}
}
