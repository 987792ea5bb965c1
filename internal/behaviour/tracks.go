package behaviour

import "github.com/qubesbeat/qubesbeat/internal/share"

// tracks are values that are found by a hash and shared among subjects.
type tracks[T any] struct {
	byHash map[uint64]*share.Item[uint32, tracked[T]]
	store  *share.Store[uint32, tracked[T]]
	gone   []*share.Item[uint32, tracked[T]] // in the current observation, in which they may be in use
	free   []*share.Item[uint32, tracked[T]]
}

// maxFree bounds the memory that waits to be used again.
const maxFree = 64

// tracked is a value and its hash.
type tracked[T any] struct {
	hash  uint64
	value T
}

func (t *tracks[T]) init(limit int, evicted func()) {
	t.byHash = map[uint64]*share.Item[uint32, tracked[T]]{}
	t.store = share.NewStore(limit, func(i *share.Item[uint32, tracked[T]]) {
		t.forget(i)
		evicted()
	})
}

// find returns the value of a hash, nil if there is none.
func (t *tracks[T]) find(hash uint64) *T {
	if i := t.byHash[hash]; i != nil {
		return &i.Value.value
	}
	return nil
}

// add returns the value of a hash, a new one of a subject if there is none; nil if there is
// no room.
func (t *tracks[T]) add(subject uint32, hash uint64) (v *T, isNew bool) {
	if v := t.find(hash); v != nil {
		return v, false
	}
	i := t.blank()
	i.Value.hash = hash
	if !t.store.Put(i, subject, 1) {
		t.gone = append(t.gone, i)
		return nil, false
	}
	t.byHash[hash] = i
	return &i.Value.value, true
}

// addUnless is add, but for a value that would make the oldest one of the subject go while that is
// in use: the oldest becomes the newest then, and there is no room.
func (t *tracks[T]) addUnless(inUse func(*T) bool, subject uint32, hash uint64) (v *T, isNew bool) {
	if v := t.find(hash); v != nil {
		return v, false
	}
	if !t.store.Fits(subject, 1) {
		if oldest := t.store.Oldest(subject); oldest != nil && inUse(&oldest.Value.value) {
			t.store.Renew(oldest)
			return nil, false
		}
	}
	return t.add(subject, hash)
}

// remove forgets the value of a hash, which must be there.
func (t *tracks[T]) remove(hash uint64) {
	i := t.byHash[hash]
	t.store.Remove(i)
	t.forget(i)
}

// blank returns an item without a value. Where values come and go, as those of forged addresses
// and of short connections do, their memory must not be work for the collector.
func (t *tracks[T]) blank() *share.Item[uint32, tracked[T]] {
	if n := len(t.free); n > 0 {
		i := t.free[n-1]
		t.free = t.free[:n-1]
		i.Value = tracked[T]{}
		return i
	}
	return new(share.Item[uint32, tracked[T]])
}

// forget forgets an item that is not in the store any more.
func (t *tracks[T]) forget(i *share.Item[uint32, tracked[T]]) {
	delete(t.byHash, i.Value.hash)
	t.gone = append(t.gone, i)
}

// settle has the memory used again of what is gone. No value that was found or added before must
// be used after it.
func (t *tracks[T]) settle() {
	if len(t.gone) == 0 {
		return
	}
	t.free = append(t.free, t.gone[:min(len(t.gone), maxFree-len(t.free))]...)
	clear(t.gone)
	t.gone = t.gone[:0]
}

// dropSubject forgets the values of a subject.
func (t *tracks[T]) dropSubject(subject uint32) {
	for i := t.store.Oldest(subject); i != nil; i = t.store.Oldest(subject) {
		t.store.Remove(i)
		t.forget(i)
	}
}
