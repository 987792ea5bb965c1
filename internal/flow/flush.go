package flow

import (
	"cmp"
	"maps"
	"slices"
)

// FlushFewest is Flush for a reader that may not have the time to take everything:
// the flows of the interface with the fewest come first, so that those of a qube that
// has filled the table come last.
func (t *Table) FlushFewest(reason Reason) {
	byInterface := map[uint32][]uint32{}
	for i := range t.entries.used {
		if e := t.entries.at(i); e.slot >= 0 {
			byInterface[e.key.Iface] = append(byInterface[e.key.Iface], i)
		}
	}
	order := slices.SortedFunc(maps.Keys(byInterface), func(a, b uint32) int {
		return cmp.Or(cmp.Compare(len(byInterface[a]), len(byInterface[b])), cmp.Compare(a, b))
	})
	for _, iface := range order {
		for _, i := range byInterface[iface] {
			e := t.entries.at(i)
			t.end(i, e, e.endReason(reason))
		}
	}
}
