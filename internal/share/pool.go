package share

// Pool divides a bounded stock among classes. It is not safe for concurrent use.
type Pool[K comparable] struct {
	limit, used int
	held        map[K]*int
	classes     int // that hold something, according to held
	sweep       int // the size of held at which those that hold nothing are forgotten

	// What the last class holds is here, and place is where it belongs: a flood, or one
	// user of a pool that others do not use just now, pays for no map.
	last     K
	lastHeld int
	place    *int
}

// minSweep is how many classes are kept whether they hold something or not. One that
// soon takes again, as when a queue runs empty in between, needs no new place.
const minSweep = 64

// NewPool returns a pool of limit units, usually bytes.
func NewPool[K comparable](limit int) *Pool[K] {
	p := &Pool[K]{limit: limit}
	p.Reset()
	return p
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
	place := p.held[class]
	if place == nil {
		if len(p.held) >= p.sweep {
			p.forget()
		}
		place = new(int)
		p.held[class] = place
	}
	p.last, p.lastHeld, p.place = class, *place, place
}

// store brings held up to date.
func (p *Pool[K]) store() {
	if had, has := *p.place > 0, p.lastHeld > 0; has && !had {
		p.classes++
	} else if had && !has {
		p.classes--
	}
	*p.place = p.lastHeld
}

// forget forgets the classes that hold nothing.
func (p *Pool[K]) forget() {
	for k, n := range p.held {
		if *n == 0 {
			delete(p.held, k)
		}
	}
	p.sweep = max(minSweep, 2*len(p.held))
}

// Held returns what a class holds.
func (p *Pool[K]) Held(class K) int {
	if class == p.last {
		return p.lastHeld
	}
	if n := p.held[class]; n != nil {
		return *n
	}
	return 0
}

// Used returns what all classes hold together.
func (p *Pool[K]) Used() int { return p.used }

// Limit returns the size of the pool.
func (p *Pool[K]) Limit() int { return p.limit }

// Classes returns the number of classes that hold something.
func (p *Pool[K]) Classes() int {
	p.store()
	return p.classes
}

// Reset makes the pool empty.
func (p *Pool[K]) Reset() {
	p.last, p.lastHeld, p.place = *new(K), 0, new(int)
	p.held = map[K]*int{p.last: p.place}
	p.used, p.classes, p.sweep = 0, 0, minSweep
}
