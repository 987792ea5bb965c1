package share

// maxTallied is how many classes a [Tally] tells apart: more than have flooded
// anything between two looks at it.
const maxTallied = 256

// Tally counts by class, such as what each has lost. Its memory is bounded: beyond
// 256 classes it forgets the one with the lowest count. The zero value is empty and
// ready for use. It is not safe for concurrent use.
type Tally[K comparable] struct {
	counts map[K]uint64
	most   K // the class with the highest count
}

// Add counts n for a class.
func (t *Tally[K]) Add(class K, n uint64) {
	if t.counts == nil {
		t.counts = map[K]uint64{}
	}
	count, known := t.counts[class]
	if !known && len(t.counts) >= maxTallied {
		t.forget()
	}
	t.counts[class] = count + n
	if count+n >= t.counts[t.most] {
		t.most = class
	}
}

func (t *Tally[K]) forget() {
	least, lowest := t.most, t.counts[t.most]
	for k, n := range t.counts {
		if n < lowest {
			least, lowest = k, n
		}
	}
	delete(t.counts, least)
}

// Most returns the class with the highest count, and the count: 0 if nothing was
// counted.
func (t *Tally[K]) Most() (class K, n uint64) { return t.most, t.counts[t.most] }

// Of returns the count of a class.
func (t *Tally[K]) Of(class K) uint64 { return t.counts[class] }
