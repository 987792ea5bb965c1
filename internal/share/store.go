package share

// Store keeps values of several classes, each class in the order in which its values
// came. What they hold together is bounded by a [Pool]: a class that wants more than
// its share loses its own oldest values, never those of another class. It is not safe
// for concurrent use.
type Store[K comparable, V any] struct {
	pool    *Pool[K]
	lists   map[K]*list[K, V]
	evicted func(*Item[K, V])
	count   int

	// The list of the last class is here, nil if it has none: most often the next one asks for
	// it, too.
	last     K
	lastList *list[K, V]
}

// Item is a value in a [Store].
type Item[K comparable, V any] struct {
	prev, next *Item[K, V] // older and newer ones of the class; first, for the collector looks no further than the last pointer
	class      K
	size       int
	Value      V
}

// Next returns the next newer item of the class, nil if there is none.
func (i *Item[K, V]) Next() *Item[K, V] { return i.next }

// list is what a class has stored.
type list[K comparable, V any] struct{ oldest, newest *Item[K, V] }

// append adds an item as the newest.
func (l *list[K, V]) append(i *Item[K, V]) {
	if i.prev = l.newest; i.prev != nil {
		i.prev.next = i
	} else {
		l.oldest = i
	}
	l.newest = i
}

// remove takes an item out.
func (l *list[K, V]) remove(i *Item[K, V]) {
	if i.prev != nil {
		i.prev.next = i.next
	} else {
		l.oldest = i.next
	}
	if i.next != nil {
		i.next.prev = i.prev
	} else {
		l.newest = i.prev
	}
	i.prev, i.next = nil, nil
}

// NewStore returns a store of limit units, usually bytes. evicted is called with each
// item that goes to make room, after it is removed; it must not call the store.
func NewStore[K comparable, V any](limit int, evicted func(*Item[K, V])) *Store[K, V] {
	return &Store[K, V]{pool: NewPool[K](limit), lists: make(map[K]*list[K, V]), evicted: evicted}
}

// Add stores a value of some size and returns its item, nil if there is no room even
// if the class loses everything else.
func (s *Store[K, V]) Add(class K, size int, v V) *Item[K, V] {
	i := &Item[K, V]{Value: v}
	if !s.Put(i, class, size) {
		return nil
	}
	return i
}

// Put is Add with an item that is in no store, for those that use the memory of others again.
// It reports whether there was room.
func (s *Store[K, V]) Put(i *Item[K, V], class K, size int) bool {
	if !s.makeRoom(class, size, nil) {
		return false
	}
	s.pool.Add(class, size)
	i.class, i.size = class, size
	l := s.list(class)
	if l == nil {
		l = new(list[K, V])
		s.lists[class] = l
	}
	l.append(i)
	s.count++
	return true
}

// Fits reports whether there is room for another item of some size and class without the loss of one.
func (s *Store[K, V]) Fits(class K, size int) bool { return s.pool.Fits(class, size) }

// Renew makes an item, which must be in the store, the newest of its class.
func (s *Store[K, V]) Renew(i *Item[K, V]) {
	l := s.list(i.class)
	l.remove(i)
	l.append(i)
}

// Resize changes the size of an item. It reports false and changes nothing if there is
// no room even if the class loses everything else.
func (s *Store[K, V]) Resize(i *Item[K, V], size int) bool {
	more := size - i.size
	if more <= 0 {
		s.pool.Give(i.class, -more)
	} else if !s.makeRoom(i.class, more, i) {
		return false
	} else {
		s.pool.Add(i.class, more)
	}
	i.size = size
	return true
}

// makeRoom evicts the oldest items of a class, but not keep, until it may take n more
// units, and reports whether it may.
func (s *Store[K, V]) makeRoom(class K, n int, keep *Item[K, V]) bool {
	for !s.pool.Fits(class, n) {
		i := s.Oldest(class)
		if i != nil && i == keep {
			i = i.next
		}
		if i == nil {
			return false
		}
		s.Remove(i)
		s.evicted(i)
	}
	return true
}

// Remove removes an item, which must be in the store.
func (s *Store[K, V]) Remove(i *Item[K, V]) {
	l := s.list(i.class)
	l.remove(i)
	if l.oldest == nil {
		delete(s.lists, i.class)
		s.lastList = nil
	}
	s.pool.Give(i.class, i.size)
	s.count--
}

// Oldest returns the oldest item of a class, nil if it has none.
func (s *Store[K, V]) Oldest(class K) *Item[K, V] {
	if l := s.list(class); l != nil {
		return l.oldest
	}
	return nil
}

// list returns the list of a class, nil if it has none.
func (s *Store[K, V]) list(class K) *list[K, V] {
	if class != s.last || s.lastList == nil {
		s.last, s.lastList = class, s.lists[class]
	}
	return s.lastList
}

// Len returns the number of items.
func (s *Store[K, V]) Len() int { return s.count }

// Used returns the sizes of all items together.
func (s *Store[K, V]) Used() int { return s.pool.Used() }
