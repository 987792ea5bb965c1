package baseline

import "github.com/qubesbeat/qubesbeat/internal/behaviour/codec"

// hoursAWeek is the number of hours of a week.
const hoursAWeek = 168

// halfLife is after how long half of an hour's activity is forgotten: 4 weeks, in weeks.
const halfLife = 4

// Hours is in which hours of the week a qube is used.
type Hours struct {
	active [hoursAWeek]uint16 // 1024 for each week in which it was, decaying
	week   uint32             // the latest
	last   uint32             // the latest hour that was counted
	lately uint16             // hours that were counted in that week
}

// aWeek is what an hour counts for in the week in which it was active.
const aWeek = 1024

// Add records that the qube is used at a time, which is that of the clock on the wall, in
// nanoseconds since the Unix epoch.
func (h *Hours) Add(wall int64) {
	hour := uint32(max(wall, 0) / 3600e9)
	if hour == h.last {
		return
	}
	h.last = hour
	for week := hour / hoursAWeek; h.week < week; h.week++ {
		if week-h.week > 52 {
			h.active, h.week, h.lately = [hoursAWeek]uint16{}, week, 0
			break
		}
		h.lately = 0
		for i := range h.active {
			h.active[i] -= h.active[i] / (halfLife * 3 / 2) // 1-1/6 to the fourth is about a half
		}
	}
	if a := &h.active[hour%hoursAWeek]; *a < 60000 {
		*a += aWeek
		h.lately++
	}
}

// Share returns the share of the qube's activity in earlier weeks that falls into the hour of a time, and
// the same with the hours around it, if that is more: 1 if nothing is known. odd reports whether the
// latter is below a limit, and below half of what an hour has in which the qube is active: one that is
// always on has no odd hours.
func (h *Hours) Share(wall int64, limit float64) (own, around float64, odd bool) {
	total, used := 0.0, 0.0
	for _, a := range h.active {
		total += float64(a)
		if a > 0 {
			used++
		}
	}
	hour := uint32(max(wall, 0) / 3600e9)
	if hour/hoursAWeek == h.week {
		total -= float64(h.lately) * aWeek // the week is not over: its later hours would seem seldom
	}
	if total <= 0 {
		return 1, 1, false
	}
	at := int(hour % hoursAWeek)
	sum := 0.0
	for _, d := range [...]int{hoursAWeek - 1, 0, 1} {
		sum += float64(h.active[(at+d)%hoursAWeek])
	}
	own = float64(h.active[at])
	if h.last == hour { // what is judged has been counted
		own, sum = own-aWeek, sum-aWeek
	}
	own = min(1, max(0, own)/total)
	around = min(1, max(own, sum/3/total))
	return own, around, around < min(limit, 0.5/used)
}

// Code codes what counts for a week.
func (h *Hours) Code(c *codec.Coder) { codec.Int(c, &h.lately) }

// Weeks returns the activity of an hour of the week, 0 for Thursday at midnight, with which
// the Unix epoch begins, in weeks.
func (h *Hours) Weeks(hour int) float64 { return float64(h.active[hour%hoursAWeek]) / aWeek }

// Hours returns the hours of the week.
func (b *Baseline) Hours() *Hours { return &b.hours }
