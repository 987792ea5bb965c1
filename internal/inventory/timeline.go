package inventory

import (
	"math"
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// Times are nanoseconds since 1970, because packets carry wall time: comparing a time.Time with a monotonic clock reading
// would not account for the time that the machine was suspended.
const (
	beginning = math.MinInt64
	forever   = math.MaxInt64
)

// maxIntervals is the maximum number of intervals of one key. Starting a qube takes three (Halted, Transient, Running),
// so that there is room for two restarts within Config.Retention.
const maxIntervals = 8

// stamp returns t in nanoseconds. A time out of range, such as the zero Time, becomes the earliest or the latest moment
// instead of overflowing.
func stamp(t time.Time) int64 {
	switch s := t.Unix(); {
	case s <= math.MinInt64/int64(time.Second):
		return beginning
	case s >= math.MaxInt64/int64(time.Second):
		return forever - 1
	}
	return t.UnixNano()
}

// An interval is a period in which q held a key: from its first moment until before its last.
type interval struct {
	from, to int64
	q        *qube.Qube
}

// A timeline is the history of one key: intervals in order, without overlap, all but the last with an end. It is
// immutable, as readers hold it without a lock.
type timeline []interval

// at returns the holder at a moment, nil if there was none.
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

// advance returns the timeline after an update at a moment in which q holds the key, or no qube if q is nil.
//
// A key whose holder changes within one update changes at that moment. A key that was free since an earlier update
// belongs to its new holder from when it became free: packets of the time between can only be from that qube.
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

// limit drops the oldest interval if there are too many. If the next one is of the same qube, it is extended instead: the
// right name with a later label is better than no name. l is modified and must not be shared yet.
func (l timeline) limit() timeline {
	if len(l) <= maxIntervals {
		return l
	}

	if l[0].to == l[1].from && sameQube(l[0].q, l[1].q) {
		l[1].from = l[0].from
	}
	return slices.Clone(l[1:])
}

// forget returns the timeline without the intervals that ended at horizon or before. It copies the rest, so that the
// memory of a forgotten qube can be freed.
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

// rewind returns the timeline with all later changes moved to a moment.
func (l timeline) rewind(moment int64) timeline {
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
