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
	since  []int64  // packet times from which each of checks fails
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
		one.checks, one.since = slices.Insert(one.checks, i, check), slices.Insert(one.since, i, at)
	case !fails && found:
		one.checks, one.since = slices.Delete(one.checks, i, i+1), slices.Delete(one.since, i, i+1)
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

// of returns the checks of an interface that fail, and did at a time, "" if none does.
func (f failing) of(iface string, at int64) string {
	if len(f) == 0 {
		return ""
	}
	one := f[iface]
	if one == nil {
		return ""
	}
	if one.at <= at { // of all its verdicts
		return one.text
	}
	var then []string
	for i, check := range one.checks {
		if one.since[i] <= at {
			then = append(then, check)
		}
	}
	return strings.Join(then, ", ")
}
