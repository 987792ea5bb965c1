package ring

// share is what waits of one class.
type share struct{ n, weight int }

// shares are what waits by class, in a ring with classes or weights.
type shares [256]share

// pushShare copies v into the next slot and counts its share. It reports false if
// there is no room for the element; a ring that blocks waits for room instead of
// sharing it out. Class and Weight get the copy, so that v need not be on the heap.
func (r *Ring[T]) pushShare(v *T, limit int) bool {
	for r.room(limit) {
		slot := &r.slots[r.tail()]
		*slot = *v
		s, weight := r.shareOf(slot)
		if !r.tooHeavy(weight) && (r.block || r.conf.Class == nil || !r.overShare(s, weight)) {
			s.n++
			s.weight += weight
			r.stats.Weight += weight
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

// release gives back the share of an element.
func (r *Ring[T]) release(v *T) {
	s, weight := r.shareOf(v)
	s.n--
	s.weight -= weight
	r.stats.Weight -= weight
}

func (r *Ring[T]) shareOf(v *T) (s *share, weight int) {
	s = &r.shares[0]
	if r.conf.Class != nil {
		s = &r.shares[r.conf.Class(v)&255]
	}
	if r.conf.Weight != nil {
		weight = r.conf.Weight(v)
	}
	return s, weight
}

// overShare reports whether a class holds as much of the ring as is left free.
func (r *Ring[T]) overShare(s *share, weight int) bool {
	return s.n > len(r.slots)-r.n ||
		r.conf.MaxWeight > 0 && s.n > 0 && s.weight+weight > r.conf.MaxWeight-r.stats.Weight
}

// tooHeavy reports whether the weight of an element exceeds the bound together with
// what waits.
func (r *Ring[T]) tooHeavy(weight int) bool {
	return r.conf.MaxWeight > 0 && r.n > 0 && r.stats.Weight+weight > r.conf.MaxWeight
}
