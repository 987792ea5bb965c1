package names

import "math"

// Span is how long a [Window] counts, in nanoseconds.
const Span = int64(3600e9)

// recents is how many names a window recognises as those that it has just seen.
const recents = 32

// letters is the size of the histogram of characters: a-z, 0-9, '-', '_', and all others.
const letters = 39

// Window is what one qube asked below one domain within an hour. The zero value is empty
// and ready for use.
type Window struct {
	begun      int64
	queries    uint32
	names      uint32 // different ones, exact up to recents
	up         uint32 // characters below the domain of different names
	near       uint32 // names that private addresses have answered
	down       uint64 // bytes of responses
	rare       uint32 // queries of rare types
	unknown    uint32 // responses that the name does not exist
	again      uint32 // queries for the same name as the one before: another type, or once more
	used       uint32 // names to which the client has connected
	usedOf     uint32 // the same of recent, by place
	last       uint32 // hash of the latest name
	answered   uint32 // names that addresses have answered
	answeredOf uint32 // the same of recent, by place
	longest    uint8  // label
	longName   uint8
	reported   uint8  // shapes that were reported in this window
	heavy      uint8  // responses to lookups that carry data
	lookups    uint32 // characters of lookups
	end        end
	recent     [recents]uint32
	histogram  [letters]uint16
	distinct   Distinct
	hosts      hosts
}

// Shape is why the names below a domain look like a tunnel.
type Shape uint8

// The shapes.
const (
	NoShape Shape = iota
	Volume        // many characters in many names
	Slow          // few names, each of them with data
	Types         // types that carry data
	Long          // a name that is longer than anything but data
)

// String returns the shape as events spell it, "" for NoShape.
func (s Shape) String() string { return [...]string{"", "volume", "slow", "types", "long"}[s%5] }

// What makes a tunnel. On 15,533 windows of labelled benign traffic these give one alarm, a
// mail server's.
const (
	volumeUp, volumeNames    = 1000, 10
	volumeUnknown            = 4 * volumeUp // below a domain that has none of the names
	slowNames, slowMean      = 6, 20
	slowFresh, slowEntropy   = 0.45, 3.5
	slowAfter                = int64(3e9) // by when a client connects to the first names, if it wants that
	typesQueries, typesNames = 10, 5
	longName                 = 150
	longBare, longLabel      = 100, 50 // below no public suffix
)

// Add adds a query or a response and returns the shape that has just been reached, if it
// was not reached in this window before.
func (w *Window) Add(q *Query) Shape {
	if q.known() {
		return NoShape
	}
	if q.At-w.begun >= Span || q.At < w.begun-Span {
		*w = Window{begun: q.At}
	}
	if q.lookup() && w.looksUp(q) {
		return NoShape
	}
	if q.Response {
		w.down += uint64(max(q.Bytes, 0))
		if q.NXDomain {
			w.unknown++
		}
		w.answer(q)
		return NoShape
	}
	w.query(q)
	if s := w.shape(q); s != NoShape && !w.usual(s, q) && w.report(s) {
		return s
	}
	return NoShape
}

// usual reports whether a shape has an ordinary reason: names are made for keys and proofs, a resolver of
// the world is asked for the names of a network, or for hashes of keys, or the hosts are neighbours.
func (w *Window) usual(s Shape, q *Query) bool {
	switch {
	case s != Volume && q.proof(), s == Slow && w.Near():
		return true
	case s == Long && q.overlay():
		return len(q.Name) < longName
	}
	return w.Nowhere() && q.Local() && (s != Volume || w.Up() < volumeUnknown)
}

// excusedVolume is in the shapes that were reported for a volume that is excused.
const excusedVolume = 1 << 7

// report notes that a shape is reported, if it is the first time: a volume once more if it was excused
// and is now too large for that.
func (w *Window) report(s Shape) bool {
	bit := uint8(1) << s
	if w.reported&bit != 0 || s == Volume && w.reported&excusedVolume != 0 && w.small() {
		return false
	}
	if s == Volume && (w.Used() || w.Near()) {
		bit = excusedVolume
	}
	w.reported |= bit
	return true
}

// Use counts a connection with a host whose name the client has asked for, once for each of the latest
// names.
func (w *Window) Use(name string, seed uint64) {
	h := uint32(hash(name, seed))
	if i := w.place(h); i < recents && w.usedOf>>i&1 == 0 {
		w.usedOf |= 1 << i
		w.used++
	}
}

// place returns the place of a recent name, recents if it has none.
func (w *Window) place(h uint32) int {
	for i, r := range w.recent {
		if r == h {
			return i
		}
	}
	return recents
}

// Used reports whether the client connects to what it asks for, to half of the names at least, and they are
// not too much. Who sends data in names has no host to connect to, but can connect now and then.
func (w *Window) Used() bool { return w.small() && 2*w.used >= w.names }

// small reports whether the names are so few and so short that another reason excuses them.
func (w *Window) small() bool { return w.Up() < volumeUnknown && w.longest < longLabel }

// Begun returns the time of the query or response that has begun the window, 0 for none.
func (w *Window) Begun() int64 { return w.begun }

// Over reports whether the window ends before a time, so that the next query begins another.
func (w *Window) Over(at int64) bool { return at-w.begun >= Span }

// Reported reports whether the window has had a shape.
func (w *Window) Reported() bool { return w.reported != 0 }

// query counts a query.
func (w *Window) query(q *Query) {
	w.queries++
	if !common(q.Type) && !q.proof() {
		w.rare++
	}
	h := hash(q.Name, q.Seed)
	if uint32(h) == w.last {
		w.again++
	}
	w.last = uint32(h)
	sub := q.Sub()
	if sub == "" && len(q.Name) < longBare {
		return
	}
	if w.place(uint32(h)) < recents {
		return
	}
	w.recent[w.names%recents] = uint32(h)
	bit := uint32(1) << (w.names % recents)
	w.usedOf, w.answeredOf = w.usedOf&^bit, w.answeredOf&^bit
	w.hosts.forget(bit)
	w.distinct.Add(h)
	if w.names++; w.names > 1<<31 {
		w.names, w.used, w.answered, w.near = w.names/2, w.used/2, w.answered/2, w.near/2
	}
	w.characters(sub)
	w.end.add(sub, q.Seed, w.names == 1)
	w.longName = max(w.longName, uint8(min(len(q.Name), 255)))
}

// characters counts those of a part of a name.
func (w *Window) characters(sub string) {
	label := 0
	for i := range len(sub) {
		if sub[i] == '.' {
			label = 0
			continue
		}
		label++
		w.longest = max(w.longest, uint8(min(label, 255)))
		w.up++
		if c := &w.histogram[letter(sub[i])]; *c < 1<<16-1 {
			*c++
		}
	}
}

// letter returns the place of a character in the histogram.
func letter(c byte) int {
	switch {
	case c >= 'a' && c <= 'z':
		return int(c - 'a')
	case c >= '0' && c <= '9':
		return 26 + int(c-'0')
	case c == '-':
		return 36
	case c == '_':
		return 37
	}
	return 38
}

// shape returns the first shape of a tunnel that the window has.
func (w *Window) shape(q *Query) Shape {
	names := w.Names()
	switch {
	case w.Up() >= volumeUp && names >= volumeNames && (w.Up() >= volumeUnknown || !w.Nowhere()):
		return Volume
	case w.slow(q, names):
		return Slow
	case w.rare*2 >= w.queries && w.queries >= typesQueries && names >= typesNames:
		return Types
	case len(q.Name) >= longName || !q.Suffix && (len(q.Name) >= longBare || w.longest >= longLabel):
		return Long
	}
	return NoShape
}

// slow reports whether each of a few names carries data.
func (w *Window) slow(q *Query, names int) bool {
	return names >= slowNames && q.At-w.begun >= slowAfter && w.Up() >= slowMean*int(w.names) &&
		float64(names) >= slowFresh*float64(w.queries-w.again) && w.Entropy() >= slowEntropy
}

// Names returns how many different names were asked for.
func (w *Window) Names() int {
	if w.names <= recents {
		return int(w.names)
	}
	return max(w.distinct.Count(), recents)
}

// Queries returns how many queries there were.
func (w *Window) Queries() int { return int(w.queries) }

// Up returns how many characters were sent below the domain, in different names, without the end that
// all of them have.
func (w *Window) Up() int { return max(0, int(w.up)-int(w.names)*w.end.characters()) }

// Down returns the bytes of the responses.
func (w *Window) Down() uint64 { return w.down }

// Nowhere reports whether none of the names exists, or hardly any: the server of a tunnel answers. Two
// responses may be on their way.
func (w *Window) Nowhere() bool {
	return w.unknown >= nowhereLeast && 10*(w.unknown+2) >= 9*w.queries
}

// nowhereLeast is how many responses say at least that no name exists.
const nowhereLeast = 4

// Unknown returns how many responses said that the name does not exist.
func (w *Window) Unknown() int { return int(w.unknown) }

// Entropy returns that of the characters, in bits.
func (w *Window) Entropy() (bits float64) {
	sum := 0.0
	for _, n := range w.histogram {
		sum += float64(n)
	}
	for _, n := range w.histogram {
		if n > 0 {
			p := float64(n) / sum
			bits -= p * math.Log2(p)
		}
	}
	return bits
}

// Score returns how much the window looks like a tunnel of a shape, 0..1.
func (w *Window) Score(s Shape) float64 {
	switch s {
	case Volume:
		return min(1, max(0.5, math.Log2(float64(w.Up())/250)/8))
	case Slow:
		return 0.6
	case NoShape:
		return 0
	}
	return 0.5
}
