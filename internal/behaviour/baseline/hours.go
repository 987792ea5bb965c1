package baseline

// hoursAWeek is the number of hours of a week.
const hoursAWeek = 168

// halfLife is after how long half of an hour's activity is forgotten: 4 weeks, in weeks.
const halfLife = 4

// Hours is in which hours of the week a qube is used.
type Hours struct {
	active [hoursAWeek]uint16 // 1024 for each week in which it was, decaying
	week   uint32             // the latest
	last   uint32             // the latest hour that was counted
}

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
			h.active, h.week = [hoursAWeek]uint16{}, week
			break
		}
		for i := range h.active {
			h.active[i] -= h.active[i] / (halfLife * 3 / 2) // 1-1/6 to the fourth is about a half
		}
	}
	if a := &h.active[hour%hoursAWeek]; *a < 60000 {
		*a += 1024
	}
}

// Probability returns the share of the qube's activity that falls into the hour of a time,
// smoothed with the hours around it: 1 if nothing is known.
func (h *Hours) Probability(wall int64) float64 {
	total := 0.0
	for _, a := range h.active {
		total += float64(a)
	}
	if total == 0 {
		return 1
	}
	at := int(max(wall, 0)/3600e9) % hoursAWeek
	sum := 0.0
	for _, d := range [...]int{hoursAWeek - 1, 0, 1} {
		sum += float64(h.active[(at+d)%hoursAWeek])
	}
	return sum / 3 / total
}

// Weeks returns the activity of an hour of the week, 0 for Thursday at midnight, with which
// the Unix epoch begins, in weeks.
func (h *Hours) Weeks(hour int) float64 { return float64(h.active[hour%hoursAWeek]) / 1024 }

// Hours returns the hours of the week.
func (b *Baseline) Hours() *Hours { return &b.hours }
