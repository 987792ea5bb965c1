package finding

import (
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/share"
)

// maxFailing bounds the interfaces whose failing checks are remembered.
const maxFailing = 256

// failing holds the checks of the verification that fail, by the interface of the qube. It
// belongs to Run, which takes verdicts and observations in the order in which they were made.
type failing map[string]*failed

// failed are the checks of an interface that fail.
type failed struct {
	at     int64    // packet time of the latest verdict
	checks []string // in their order
	text   string   // of checks, for people
}

// note takes the verdict on a check.
func (f failing) note(iface, check string, fails bool, at int64) {
	one := f[iface]
	if one == nil {
		if !fails {
			return
		}
		one = f.add(iface)
	}
	i, found := slices.BinarySearch(one.checks, check)
	switch {
	case fails && !found:
		one.checks = slices.Insert(one.checks, i, check)
	case !fails && found:
		one.checks = slices.Delete(one.checks, i, i+1)
	}
	if len(one.checks) == 0 {
		delete(f, iface)
		return
	}
	one.at, one.text = at, strings.Join(one.checks, ", ")
}

// add adds an interface. If there are too many, that of the oldest verdict has to go.
func (f failing) add(iface string) *failed {
	if len(f) >= maxFailing {
		delete(f, share.Oldest(f, func(one *failed) int64 { return one.at }))
	}
	f[iface] = &failed{}
	return f[iface]
}

// of returns the checks of an interface that fail, "" if none does.
func (f failing) of(iface string) string {
	if len(f) == 0 {
		return ""
	}
	if one := f[iface]; one != nil {
		return one.text
	}
	return ""
}
