package ring

// Push adds a copy of v. It reports false if v was dropped.
func (r *Ring[T]) Push(v *T) bool { return r.PushLimit(v, len(r.slots)) }

// PushLimit adds a copy of v if fewer than limit elements wait. A lower limit for
// what matters less leaves the rest of the ring to what matters more. A ring that
// blocks takes no notice of the limit.
func (r *Ring[T]) PushLimit(v *T, limit int) bool {
	slot := r.Reserve(limit)
	if slot == nil {
		return false
	}
	*slot = *v
	return r.Commit()
}

// Reserve returns the next slot, to be filled in place, and locks the ring until
// [Ring.Commit], which must follow at once. It returns nil if there is no room below
// the limit; the element counts as dropped then and Commit must not be called. The
// slot still holds what the reader exchanged for an earlier element if
// [Config].Swap is set, else the zero value.
func (r *Ring[T]) Reserve(limit int) *T {
	r.mu.Lock()
	r.stats.In++
	if r.block {
		limit = len(r.slots)
		for r.n == limit && !r.closed {
			r.writable.Wait()
		}
	}
	if r.closed || r.n >= min(limit, len(r.slots)) {
		r.stats.Dropped++
		r.mu.Unlock()
		return nil
	}
	return &r.slots[r.tail()]
}

// tail is the index of the next slot. There must be one.
func (r *Ring[T]) tail() int {
	i := r.head + r.n
	if i >= len(r.slots) {
		i -= len(r.slots) // a division would cost as much as the lock
	}
	return i
}

// Commit adds the slot that Reserve returned. It reports false if the element was
// dropped for the sake of other classes.
func (r *Ring[T]) Commit() bool {
	taken := r.counts == nil || r.admit(&r.slots[r.tail()])
	if taken {
		r.n++
		if r.idle {
			r.signal()
		}
	} else {
		r.stats.Dropped++
	}
	r.mu.Unlock()
	return taken
}

// admit reports whether there is room for an element of its class, and counts it.
func (r *Ring[T]) admit(v *T) bool {
	count := &r.counts[r.conf.Class(v)&255]
	if !r.block && *count > len(r.slots)-r.n {
		if !r.conf.Swap {
			*v = *new(T)
		}
		return false
	}
	*count++
	return true
}

// signal ends the wait of the reader. It must be called with the ring locked.
func (r *Ring[T]) signal() {
	r.idle = false
	select {
	case r.readable <- struct{}{}:
	default:
	}
}
