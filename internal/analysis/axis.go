package analysis

import "time"

// Bins is the largest number of bins of a [Timeline].
const Bins = 300

// steps are the widths of bins, in seconds. Each divides the next.
var steps = [...]int64{1, 2, 10, 30, 60, 120, 600, 1800, 3600, 7200, 21600, 43200, 86400, 7 * 86400}

// axis is the time axis that all timelines share. It becomes coarser as events come that
// are further apart.
type axis struct {
	step  int64 // seconds
	first int64 // number of the first bin, counted in steps since 1970
	last  int64
	lines []*Timeline
}

// Bin counts what happened in one step of the axis.
type Bin struct {
	Bytes                   [len(Labels) + 1]uint64 // by label, see Labels; the last are those of other labels
	Refused, Denied, Alerts uint64
	Out, In                 uint64
}

func (b *Bin) add(other *Bin) {
	for i := range b.Bytes {
		b.Bytes[i] += other.Bytes[i]
	}
	b.Refused, b.Denied, b.Alerts = b.Refused+other.Refused, b.Denied+other.Denied, b.Alerts+other.Alerts
	b.Out, b.In = b.Out+other.Out, b.In+other.In
}

// Labels are the trust labels of Qubes OS.
var Labels = [8]string{"red", "orange", "yellow", "green", "gray", "blue", "purple", "black"}

// LabelIndex returns the index of a label in Labels, and their number for all others.
func LabelIndex(label string) int {
	for i, l := range Labels {
		if l == label {
			return i
		}
	}
	return len(Labels)
}

// Timeline counts by time.
type Timeline struct {
	axis *axis
	bins map[int64]*Bin
}

func (a *axis) newTimeline() *Timeline {
	t := &Timeline{axis: a, bins: map[int64]*Bin{}}
	a.lines = append(a.lines, t)
	return t
}

// at returns the bin of a time.
func (t *Timeline) at(at time.Time) *Bin {
	n := t.axis.index(at)
	if t.bins[n] == nil {
		t.bins[n] = new(Bin)
	}
	return t.bins[n]
}

// Step returns the width of a bin.
func (t *Timeline) Step() time.Duration { return time.Duration(t.axis.step) * time.Second }

// Start returns the time at which the first bin begins, and the number of bins, which is
// the same for all timelines of an [Analysis].
func (t *Timeline) Start() (start time.Time, bins int) {
	a := t.axis
	if a.step == 0 {
		return start, 0
	}
	return time.Unix(a.first*a.step, 0).UTC(), int(a.last - a.first + 1)
}

// Bin returns the i-th bin from the start, which may be empty.
func (t *Timeline) Bin(i int) Bin {
	if b := t.bins[t.axis.first+int64(i)]; b != nil {
		return *b
	}
	return Bin{}
}

// index returns the number of the bin of a time, and extends the axis to it.
func (a *axis) index(at time.Time) int64 {
	s := at.Unix()
	if a.step == 0 {
		a.step, a.first, a.last = steps[0], s, s
	}
	n := floorDiv(s, a.step)
	for max(n, a.last)-min(n, a.first) >= Bins {
		a.coarsen()
		n = floorDiv(s, a.step)
	}
	a.first, a.last = min(a.first, n), max(a.last, n)
	return n
}

// coarsen goes to the next step.
func (a *axis) coarsen() {
	next := a.step * 2
	for _, s := range steps {
		if s > a.step {
			next = s
			break
		}
	}
	factor := next / a.step
	a.step, a.first, a.last = next, floorDiv(a.first, factor), floorDiv(a.last, factor)
	for _, t := range a.lines {
		wide := make(map[int64]*Bin, len(t.bins))
		for n, b := range t.bins {
			if w := wide[floorDiv(n, factor)]; w != nil {
				w.add(b)
			} else {
				wide[floorDiv(n, factor)] = b
			}
		}
		t.bins = wide
	}
}

// floorDiv divides two numbers of which a may be negative, rounding down.
func floorDiv(a, b int64) int64 {
	if a < 0 {
		return -((-a + b - 1) / b)
	}
	return a / b
}
