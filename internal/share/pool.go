package share

// Pool divides a bounded stock among classes. It is not safe for concurrent use.
type Pool[K comparable] struct {
	limit, used int
	held        map[K]int // no zero values, so that a class that is gone costs nothing

	// What the last class holds is kept here instead of in held: a flood, or one user
	// of a pool that others do not use just now, pays for no map.
	last     K
	lastHeld int
}

// NewPool returns a pool of limit units, usually bytes.
func NewPool[K comparable](limit int) *Pool[K] {
	return &Pool[K]{limit: limit, held: make(map[K]int)}
}

// Take adds n units to what a class holds. It takes nothing and reports false if the
// class would hold more than is left free. n must not be negative.
func (p *Pool[K]) Take(class K, n int) bool {
	if !p.Fits(class, n) {
		return false
	}
	p.Add(class, n)
	return true
}

// Fits reports whether a class may take n more units.
func (p *Pool[K]) Fits(class K, n int) bool {
	return p.Held(class)+n <= p.limit-p.used
}

// Add is Take for what must be taken whether it fits or not. The pool may be
// overdrawn then, and no class can take anything until enough has been given back.
func (p *Pool[K]) Add(class K, n int) {
	p.load(class)
	p.used += n
	p.lastHeld += n
}

// Give returns n units of a class. A class cannot return more than it holds.
func (p *Pool[K]) Give(class K, n int) {
	p.load(class)
	n = min(n, p.lastHeld)
	p.used -= n
	p.lastHeld -= n
}

// load makes a class the last one.
func (p *Pool[K]) load(class K) {
	if class == p.last {
		return
	}
	p.store()
	p.last, p.lastHeld = class, p.held[class]
}

// store brings held up to date.
func (p *Pool[K]) store() {
	if p.lastHeld > 0 {
		p.held[p.last] = p.lastHeld
	} else {
		delete(p.held, p.last)
	}
}

// Held returns what a class holds.
func (p *Pool[K]) Held(class K) int {
	if class == p.last {
		return p.lastHeld
	}
	return p.held[class]
}

// Used returns what all classes hold together.
func (p *Pool[K]) Used() int { return p.used }

// Limit returns the size of the pool.
func (p *Pool[K]) Limit() int { return p.limit }

// Classes returns the number of classes that hold something.
func (p *Pool[K]) Classes() int {
	p.store()
	return len(p.held)
}

// Largest returns the class that holds most, for a user who has to evict something.
// It reports false if the pool is empty. The time it takes grows with the number of
// classes.
func (p *Pool[K]) Largest() (class K, ok bool) {
	p.store()
	most := 0
	for k, n := range p.held {
		if n > most {
			class, most = k, n
		}
	}
	return class, most > 0
}

// Reset makes the pool empty.
func (p *Pool[K]) Reset() {
	clear(p.held)
	p.used, p.lastHeld = 0, 0
}
