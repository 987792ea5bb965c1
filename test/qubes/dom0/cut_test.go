package dom0_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// TestHostile_cut cuts the answer about every qube off at every place, in turns:
// in each turn another part of each answer arrives, as when qubesd is stopped.
func TestHostile_cut(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		r := newRig(t, release, dom0.Behaviour{})
		stream, _ := r.begin(t)
		names := slices.Sorted(maps.Keys(r.world.Qubes))
		longest := 0
		for _, name := range names {
			longest = max(longest, len(r.world.AnswerTo("admin.vm.property.GetAll+", name)))
		}
		for turn := 0; turn*len(names) < longest; turn++ {
			r.qubesd.Spoil(func(method, name string, answer []byte) []byte {
				if method != "admin.vm.property.GetAll+" {
					return answer
				}
				missing := turn*len(names) + slices.Index(names, name)
				return answer[:max(0, len(answer)-missing)]
			})
			r.tell(t, stream, dom0.Established(t))
			parse(t, r.next(t))
		}
		r.qubesd.Spoil(nil)
		r.goesOn(t, stream)
	})
}
