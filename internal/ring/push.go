package ring

import "github.com/qubesbeat/qubesbeat/internal/share"

// Push adds a copy of v. It reports false if v was dropped.
func (r *Ring[T]) Push(v *T) bool { return r.PushLimit(v, len(r.slots)) }

// PushLimit adds a copy of v if fewer than limit elements wait. A lower limit for
// what matters less leaves the rest of the ring to what matters more. A ring that
// blocks takes no notice of the limit.
func (r *Ring[T]) PushLimit(v *T, limit int) bool {
	r.mu.Lock()
	taken := r.push(v, limit)
	r.mu.Unlock()
	return taken
}

// PushAll is like Push for each element of a list, one after the other, and locks the ring once.
func (r *Ring[T]) PushAll(list []T) {
	r.mu.Lock()
	for i := range list {
		r.push(&list[i], len(r.slots))
	}
	r.mu.Unlock()
}

// push is PushLimit with the ring locked.
func (r *Ring[T]) push(v *T, limit int) (taken bool) {
	if r.shares != nil {
		taken = r.pushShare(v, limit)
	} else if taken = r.room(limit); taken {
		r.slots[r.tail()] = *v
	}
	if taken {
		r.add()
	} else {
		r.drop(limit)
	}
	return taken
}

// Reserve returns the next slot, to be filled in place, and locks the ring until
// [Ring.Commit], which must follow at once. It returns nil if there is no room below
// the limit; the element counts as dropped then and Commit must not be called. The
// slot still holds what the reader exchanged for an earlier element if
// [Config].Swap is set, else the zero value. class must be that of the element as
// soon as it is filled in; it does not matter without [Config].Class. The weight of
// the element is counted, but not looked at.
func (r *Ring[T]) Reserve(class share.Class, limit int) *T {
	r.mu.Lock()
	if !r.room(limit) || !r.block && r.overShare(class, 0, limit) {
		r.drop(limit)
		r.mu.Unlock()
		return nil
	}
	return &r.slots[r.tail()]
}

// Commit adds the slot that Reserve returned.
func (r *Ring[T]) Commit() {
	if r.shares != nil {
		r.hold(r.shareOf(&r.slots[r.tail()]))
	}
	r.add()
	r.mu.Unlock()
}

// room reports whether there is a slot for another element. A ring that blocks waits
// for it.
func (r *Ring[T]) room(limit int) bool {
	if r.block {
		limit = len(r.slots)
		for r.n == limit && !r.closed {
			r.writable.Wait()
		}
	}
	return !r.closed && r.n < min(limit, len(r.slots))
}

// tail is the index of the next slot. There must be one.
func (r *Ring[T]) tail() int {
	i := r.head + r.n
	if i >= len(r.slots) {
		i -= len(r.slots) // a division would cost as much as the lock
	}
	return i
}

// add counts the element in the next slot.
func (r *Ring[T]) add() {
	r.stats.In++
	r.n++
	if r.idle && r.n >= r.wanted {
		r.signal()
	}
}

// drop counts an element without room.
func (r *Ring[T]) drop(limit int) {
	r.stats.In++
	r.stats.Dropped++
	if limit < len(r.slots) {
		r.stats.Limited++
	}
}

// signal ends the wait of the reader. It must be called with the ring locked.
func (r *Ring[T]) signal() {
	r.idle = false
	select {
	case r.readable <- struct{}{}:
	default:
	}
}
