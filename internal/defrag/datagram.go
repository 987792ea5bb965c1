package defrag

// datagram is one that is not complete yet.
type datagram struct {
	key   key
	begun int64      // packet time of the first fragment
	parts []fragment // in order, without overlap
	bytes int
	total int  // length of the complete datagram, -1 before the last fragment
	dead  bool // malformed: further fragments are ignored
}

// fragment is a piece of the payload.
type fragment struct {
	offset int
	data   []byte
}

func (f *fragment) end() int { return f.offset + len(f.data) }

// add inserts a copy of a fragment. It reports false if the datagram cannot be
// completed any more.
func (d *datagram) add(f fragment, last bool) bool {
	if !d.accepts(&f, last) {
		return false
	}
	at := d.position(f.offset)
	if d.overlaps(at, &f) {
		return false
	}
	if last {
		if len(d.parts) > at {
			return false // a fragment beyond the last one
		}
		d.total = f.end()
	}
	f.data = append([]byte(nil), f.data...)
	d.parts = append(d.parts, fragment{})
	copy(d.parts[at+1:], d.parts[at:])
	d.parts[at] = f
	d.bytes += len(f.data)
	return true
}

// accepts reports whether a fragment is within the bounds and agrees with the
// length that is known.
func (d *datagram) accepts(f *fragment, last bool) bool {
	if len(f.data) == 0 || f.end() > maxDatagram || len(d.parts) == maxParts {
		return false
	}
	if d.total < 0 {
		return true
	}
	return f.end() == d.total || !last && f.end() < d.total
}

// position returns the index in parts at which a fragment belongs.
func (d *datagram) position(offset int) int {
	at := len(d.parts)
	for at > 0 && d.parts[at-1].offset > offset {
		at--
	}
	return at
}

// overlaps reports whether f, if inserted at an index, repeats bytes of a
// neighbour.
func (d *datagram) overlaps(at int, f *fragment) bool {
	return at > 0 && d.parts[at-1].end() > f.offset || at < len(d.parts) && f.end() > d.parts[at].offset
}

// complete reports whether no byte is missing.
func (d *datagram) complete() bool { return d.total >= 0 && d.bytes == d.total }

func (d *datagram) payload() []byte {
	all := make([]byte, 0, d.total)
	for _, p := range d.parts {
		all = append(all, p.data...)
	}
	return all
}
