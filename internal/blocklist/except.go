package blocklist

import (
	"hash/maphash"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// The bounds of what is kept of a list to find exceptions. A list beyond them blocks more
// than it means to.
const (
	maxExceptions = 10_000
	maxBlocked    = 500_000 // names with all below them, 40 bytes each
	maxAbove      = 4 * maxBlocked
)

// exceptions are the names to which the settings of dnsmasq and Unbound give a server or
// an address. If the same list blocks a name above, the more specific one wins, whatever
// the order of the lines: the name is allowed then.
type exceptions struct {
	seed    maphash.Seed
	list    []exception
	blocked map[uint64]bool // hashes of names blocked with all below; true if local-data counts there
	above   []uint64        // hashes of the names above those
}

// exception is a name that may be one.
type exception struct {
	name   []byte
	kind   Kind
	reason string // of being skipped, if the list does not block it
	fault  Fault
}

// block notes a name that is blocked with all below it. data reports whether the list's
// own data of names below counts.
func (e *exceptions) block(name []byte, data bool) {
	if e.blocked == nil {
		e.seed, e.blocked = maphash.MakeSeed(), map[uint64]bool{}
	}
	if len(e.blocked) >= maxBlocked || len(e.above) >= maxAbove {
		return
	}
	e.blocked[e.hash(name)] = data
	for up := dnsmsg.Parent(name); len(up) > 1; up = dnsmsg.Parent(up) {
		if h := e.hash(up); len(e.above) == 0 || e.above[len(e.above)-1] != h {
			e.above = append(e.above, h)
		}
	}
}

func (e *exceptions) hash(name []byte) uint64 { return maphash.Bytes(e.seed, name) }

// covered reports whether the list blocks a name with the ones below: for an exception
// with all below it, by a name above, and for a single one, also by itself.
func (e *exceptions) covered(x *exception) bool {
	name := x.name
	if x.kind == Tree {
		name = dnsmsg.Parent(name)
	}
	for ; len(name) > 1; name = dnsmsg.Parent(name) {
		if data, ok := e.blocked[e.hash(name)]; ok {
			return data || x.kind == Tree
		}
	}
	return false
}

// except notes a name with a server or an address of its own.
func (p *parser) except(name, line []byte, kind Kind, reason string) error {
	wire, fault := p.wire(name)
	if fault != "" || len(p.exceptions.list) >= maxExceptions {
		return p.skip(line, reason)
	}
	text := string(line[:min(len(line), 80)])
	p.exceptions.list = append(p.exceptions.list, exception{slices.Clone(wire), kind, reason, Fault{Line: p.line, Text: text, Reason: reason}})
	return nil
}

// finish passes on the exceptions, and skips what is none.
func (p *parser) finish() error {
	e := &p.exceptions
	if len(e.list) > 0 {
		slices.Sort(e.above)
	}
	lines := map[int]bool{} // skipped, of which one may have several names
	for i := range e.list {
		x := &e.list[i]
		if e.blocked == nil || !e.covered(x) {
			if !lines[x.fault.Line] {
				lines[x.fault.Line] = true
				p.line = x.fault.Line
				_ = p.skip([]byte(x.fault.Text), x.reason)
			}
			continue
		}
		if _, again := slices.BinarySearch(e.above, e.hash(x.name)); again { // a name below is blocked
			x.kind = Exact
		}
		p.rule = Rule{Kind: x.kind, Allow: true, Name: x.name}
		if err := p.emit(); err != nil {
			return err
		}
	}
	return nil
}
