package inventory

import (
	"math"
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// Times are kept as nanoseconds since 1970, because packets carry wall time: a time.Time with a monotonic reading would
// not stand still over a suspend as theirs does.
const (
	beginning = math.MinInt64
	forever   = math.MaxInt64
)

// maxIntervals is the number of intervals of one key. Starting a qube takes three (Halted, Transient, Running), so that
// this is two restarts, all within Options.Keep.
const maxIntervals = 8

// stamp returns t in nanoseconds. What is too early or too late for that, such as the zero Time, becomes the earliest or
// the latest moment instead of a random one.
func stamp(t time.Time) int64 {
	switch s := t.Unix(); {
	case s <= math.MinInt64/int64(time.Second):
		return beginning
	case s >= math.MaxInt64/int64(time.Second):
		return forever - 1
	}

	return t.UnixNano()
}

// An interval says that a key led to q from a time on, until before another.
type interval struct {
	from, to int64
	q        *qube.Qube
}

// A timeline is the history of one key: intervals in order, without overlap, and all but the last have an end. It is
// immutable, as readers hold it without a lock.
type timeline []interval

// at returns the qube of a moment, nil if there was none.
func (l timeline) at(moment int64) *qube.Qube {
	for i := len(l) - 1; i >= 0; i-- {
		if l[i].from <= moment {
			if moment < l[i].to {
				return l[i].q
			}

			return nil
		}
	}

	return nil
}

// advance returns the timeline after an update at a moment by which the key leads to q, or to nothing if q is nil.
//
// A key that changes hands within one update does so at that moment. A key that was free since an earlier update
// belongs to its new holder from when it became free: packets of the time between can be of nobody else.
func (l timeline) advance(q *qube.Qube, moment int64) timeline {
	last := l[len(l)-1]
	isOpen := last.to == forever
	if isOpen && last.q == q || !isOpen && q == nil {
		return l
	}

	next := slices.Clone(l)
	free := last.to
	if isOpen {
		free = moment
		next[len(next)-1].to = moment
	}

	if q != nil {
		next = append(next, interval{from: free, to: forever, q: q})
	}

	return next.limit()
}

// limit drops the oldest interval if there are too many. Where the one after it is of the same qube, that one takes its
// time over: the right name with a later label is better than no name. l is changed and must not be shared yet.
func (l timeline) limit() timeline {
	if len(l) <= maxIntervals {
		return l
	}

	if l[0].to == l[1].from && sameQube(l[0].q, l[1].q) {
		l[1].from = l[0].from
	}

	return slices.Clone(l[1:])
}

// forget returns the timeline without the intervals that ended at horizon or before. It copies what is left, so that
// nothing in memory holds on to a forgotten qube.
func (l timeline) forget(horizon int64) timeline {
	n := 0
	for n < len(l) && l[n].to <= horizon {
		n++
	}

	if n == 0 {
		return l
	}

	return slices.Clone(l[n:])
}

// fold returns the timeline as if nothing in it had happened after a moment.
func (l timeline) fold(moment int64) timeline {
	next := make(timeline, 0, len(l))
	for _, i := range l {
		i.from = min(i.from, moment)
		if i.to != forever {
			i.to = min(i.to, moment)
		}

		if i.from < i.to {
			next = append(next, i)
		}
	}

	return next
}
