package ring

import "github.com/qubesbeat/qubesbeat/internal/share"

// shares are what waits, by class, in a ring with classes or weights.
type shares struct {
	places *share.Pool[share.Class] // nil without classes
	weight *share.Pool[share.Class] // nil without classes or a bound
}

// newShares returns the shares of a ring, nil if it has neither classes nor weights.
func newShares[T any](conf *Config[T], slots int) *shares {
	switch {
	case conf.Class != nil && conf.MaxWeight > 0:
		return &shares{share.NewPool[share.Class](slots), share.NewPool[share.Class](conf.MaxWeight)}
	case conf.Class != nil:
		return &shares{places: share.NewPool[share.Class](slots)}
	case conf.Weight != nil:
		return new(shares)
	}
	return nil
}

// pushShare copies v into the next slot and counts its share. It reports false if
// there is no room for the element; a ring that blocks waits for room instead of
// sharing it out. Class and Weight get the copy, so that v need not be on the heap.
func (r *Ring[T]) pushShare(v *T, limit int) bool {
	for r.room(limit) {
		slot := &r.slots[r.tail()]
		*slot = *v
		class, weight := r.shareOf(slot)
		if !r.tooHeavy(weight) && (r.block || !r.overShare(class, weight, limit)) {
			r.hold(class, weight)
			return true
		}
		*slot = *new(T) // it may refer to memory
		if !r.block {
			return false
		}
		r.writable.Wait()
	}
	return false
}

// hold counts the share of an element.
func (r *Ring[T]) hold(class share.Class, weight int) {
	r.stats.Weight += weight
	if r.shares.places != nil {
		r.shares.places.Add(class, 1)
	}
	if r.shares.weight != nil {
		r.shares.weight.Add(class, weight)
	}
}

// release gives back the shares of elements, those of one class in a row at once.
func (r *Ring[T]) release(list []T) {
	var last share.Class
	n, sum := 0, 0
	for i := range list {
		class, weight := r.shareOf(&list[i])
		if class != last && n > 0 {
			r.give(last, n, sum)
			n, sum = 0, 0
		}
		last, n, sum = class, n+1, sum+weight
	}
	if n > 0 {
		r.give(last, n, sum)
	}
}

// give gives back the shares of n elements of a class.
func (r *Ring[T]) give(class share.Class, n, weight int) {
	r.stats.Weight -= weight
	if r.shares.places != nil {
		r.shares.places.Give(class, n)
	}
	if r.shares.weight != nil {
		r.shares.weight.Give(class, weight)
	}
}

func (r *Ring[T]) shareOf(v *T) (class share.Class, weight int) {
	if r.conf.Class != nil {
		class = r.conf.Class(v)
	}
	if r.conf.Weight != nil {
		weight = r.conf.Weight(v)
	}
	return class, weight
}

// overShare reports whether a class would hold more of the ring than it leaves free:
// of the slots below the limit, so that what matters less leaves room in each class.
// One that holds nothing may take an element of any weight.
func (r *Ring[T]) overShare(class share.Class, weight, limit int) bool {
	if r.conf.Class == nil {
		return false
	}
	held := r.shares.places.Held(class)
	return held+1 > min(limit, len(r.slots))-r.n || r.shares.weight != nil && held > 0 && !r.shares.weight.Fits(class, weight)
}

// tooHeavy reports whether the weight of an element exceeds the bound together with
// what waits.
func (r *Ring[T]) tooHeavy(weight int) bool {
	return r.conf.MaxWeight > 0 && r.n > 0 && r.stats.Weight+weight > r.conf.MaxWeight
}
