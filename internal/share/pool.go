package share

// Pool divides a bounded stock among classes. It is not safe for concurrent use.
type Pool[K comparable] struct {
	limit, used int
	held        map[K]int // no zero values, so that a class that is gone costs nothing
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
	p.used += n
	if n > 0 {
		p.held[class] += n
	}
	return true
}

// Fits reports whether a class may take n more units.
func (p *Pool[K]) Fits(class K, n int) bool {
	return p.held[class]+n <= p.limit-p.used
}

// Give returns n units of a class. A class cannot return more than it holds.
func (p *Pool[K]) Give(class K, n int) {
	held := p.held[class]
	n = min(n, held)
	p.used -= n
	if held == n {
		delete(p.held, class)
		return
	}
	p.held[class] = held - n
}

// Held returns what a class holds.
func (p *Pool[K]) Held(class K) int { return p.held[class] }

// Used returns what all classes hold together.
func (p *Pool[K]) Used() int { return p.used }

// Limit returns the size of the pool.
func (p *Pool[K]) Limit() int { return p.limit }

// Classes returns the number of classes that hold something.
func (p *Pool[K]) Classes() int { return len(p.held) }

// Largest returns the class that holds most, for a user who has to evict something.
// It reports false if the pool is empty. The time it takes grows with the number of
// classes.
func (p *Pool[K]) Largest() (class K, ok bool) {
	most := 0
	for k, n := range p.held {
		if n > most {
			class, most = k, n
		}
	}
	return class, most > 0
}
