package guard

import (
	"bytes"
	"fmt"
	"strings"
)

// TestPanicVariable is the environment variable whose value a program gives to
// [Keeper.Inject], so that a test can make each of its parts panic.
const TestPanicVariable = "QUBESBEAT_TEST_PANIC"

// probe makes a part panic at an input.
type probe struct {
	part   string // "" means every part
	marker []byte
}

// Inject makes parts panic if an input contains a marker, for tests. spec is a list
// of PART=MARKER, or MARKER for every part, separated by commas; "" ends it. A marker
// holds neither of the separators.
func (k *Keeper) Inject(spec string) {
	var probes []probe
	for s := range strings.SplitSeq(spec, ",") {
		part, marker, found := strings.Cut(s, "=")
		if !found {
			part, marker = "", s
		}
		if marker != "" {
			probes = append(probes, probe{part, []byte(marker)})
		}
	}
	if len(probes) == 0 {
		k.probes.Store(nil)
		return
	}
	k.probes.Store(&probes)
}

// Armed reports whether [Keeper.Inject] has asked for panics. A hot loop calls it per
// batch and Probe only then.
func (p *Part) Armed() bool { return p != nil && p.keeper.probes.Load() != nil }

// Probe panics if [Keeper.Inject] has asked for that at this input. It costs a load
// otherwise.
func (p *Part) Probe(input []byte) {
	if p == nil {
		return
	}
	if probes := p.keeper.probes.Load(); probes != nil {
		p.search(*probes, input)
	}
}

func (p *Part) search(probes []probe, input []byte) {
	for _, b := range probes {
		if (b.part == "" || b.part == p.name) && bytes.Contains(input, b.marker) {
			panic(fmt.Sprintf("guard: a test wants %s to panic", p.name))
		}
	}
}
