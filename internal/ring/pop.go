package ring

import "time"

// Pop moves up to len(dst) elements into dst and returns how many. It waits for at
// least one, and returns 0 at the deadline, after [Ring.Wake], or when the ring is
// closed and empty: see [Ring.Done]. The zero deadline is none; one in the past
// makes Pop take what there is.
func (r *Ring[T]) Pop(dst []T, deadline time.Time) int {
	r.await(1, deadline)
	r.woken, r.ready = false, false
	n, head := min(r.n, len(dst)), r.head
	r.mu.Unlock() // no one else uses the slots of elements that wait, and pushes need not wait for the copies
	// The elements lie in one piece, or in two around the end of the ring.
	first := min(n, len(r.slots)-head)
	r.move(dst[:first], r.slots[head:head+first])
	r.move(dst[first:n], r.slots[:n-first])
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shares != nil {
		r.release(dst[:n])
	}
	if r.head += n; r.head >= len(r.slots) {
		r.head -= len(r.slots)
	}
	r.n -= n
	r.stats.Out += uint64(n)
	if r.block && n > 0 {
		r.writable.Broadcast()
	}
	return n
}

// Gather waits until n elements wait, for a reader that would rather be woken once for many.
// It returns earlier at the deadline, after [Ring.Ready] or [Ring.Wake], or when the ring is closed.
// Like Pop, it belongs to the reader.
func (r *Ring[T]) Gather(n int, deadline time.Time) {
	r.await(min(n, len(r.slots)), deadline)
	r.mu.Unlock()
}

// await waits until n elements wait, or there is a reason not to. It leaves the ring locked.
func (r *Ring[T]) await(n int, deadline time.Time) {
	for {
		r.mu.Lock()
		if r.n >= n || r.closed || r.woken || r.ready {
			break
		}
		r.idle, r.wanted = true, n
		r.mu.Unlock()
		if !r.wait(deadline) {
			r.mu.Lock()
			break
		}
	}
	r.idle = false
}

// move moves elements out of their slots.
func (r *Ring[T]) move(dst, slots []T) {
	if r.conf.Swap {
		for i := range slots {
			dst[i], slots[i] = slots[i], dst[i]
		}
		return
	}
	copy(dst, slots)
	clear(slots) // the elements may refer to memory that is the reader's now
}

// wait waits until there may be an element. It reports false if the deadline comes
// first.
func (r *Ring[T]) wait(deadline time.Time) bool {
	if deadline.IsZero() {
		<-r.readable
		return true
	}
	left := time.Until(deadline)
	if left <= 0 {
		return false
	}
	if r.timer == nil {
		r.timer = time.NewTimer(left)
	} else {
		r.timer.Reset(left)
	}
	defer r.timer.Stop()
	select {
	case <-r.readable:
		return true
	case <-r.timer.C:
		return false
	}
}

// Ready ends a [Ring.Gather] if elements wait, this one or the next one.
func (r *Ring[T]) Ready() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == 0 {
		return
	}
	if r.ready = true; r.idle {
		r.signal()
	}
}

// Wake makes Pop return: the one that waits, or else the next one.
func (r *Ring[T]) Wake() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.woken = true
	r.signal()
}
