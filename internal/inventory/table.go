package inventory

import "github.com/qubesbeat/qubesbeat/internal/qube"

// A table maps keys to timelines. It is immutable.
type table[K comparable] struct {
	lines map[K]timeline

	// floor is the moment from which the first holder of a new key has held it. It is the beginning of time until a
	// whole timeline is forgotten: from then on it is unknown whether a key is new, and packets from before the end of
	// the latest forgotten interval could be those of a forgotten holder.
	floor int64
}

// at returns the qube that held key at a moment, nil if there was none.
func (t table[K]) at(key K, moment int64) *qube.Qube {
	return t.lines[key].at(moment)
}

// next returns the table after an update at a moment, in which exactly holders have keys. Intervals that ended at horizon
// or before are dropped.
func (t table[K]) next(holders map[K]*qube.Qube, moment, horizon int64) table[K] {
	out := table[K]{lines: make(map[K]timeline, len(holders)), floor: t.floor}
	for key, line := range t.lines {
		line = line.advance(holders[key], moment)
		out.put(key, line.forget(horizon), line)
	}

	for key, q := range holders {
		if _, ok := t.lines[key]; !ok {
			out.lines[key] = timeline{{from: t.floor, to: forever, q: q}}
		}
	}
	return out
}

// put stores a timeline, or raises the floor if nothing is left of what it was.
func (t *table[K]) put(key K, line, was timeline) {
	switch {
	case len(line) > 0:
		t.lines[key] = line
	case len(was) > 0:
		t.floor = max(t.floor, was[len(was)-1].to)
	}
}

// rewind returns the table with all later changes moved to a moment.
func (t table[K]) rewind(moment int64) table[K] {
	out := table[K]{lines: make(map[K]timeline, len(t.lines)), floor: min(t.floor, moment)}
	for key, line := range t.lines {
		if line = line.rewind(moment); len(line) > 0 {
			out.lines[key] = line
		} else {
			out.floor = moment
		}
	}
	return out
}

// eachMoment yields the moments at which a mapping begins or ends, in no order. It reports whether all were wanted.
func (t table[K]) eachMoment(yield func(int64) bool) bool {
	for _, line := range t.lines {
		for _, i := range line {
			if i.from != beginning && !yield(i.from) || i.to != forever && !yield(i.to) {
				return false
			}
		}
	}
	return true
}
