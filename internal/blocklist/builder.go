package blocklist

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
)

// Quota bounds the memory and the lookup time that lists may cost. In the zero
// value nothing is used.
type Quota struct {
	exprs, instructions, nets, names int
}

// The bounds of a table. One of five million names takes 62 MB, and twice as much
// while it is built; expressions and networks are searched one by one.
const (
	maxNames        = 5_000_000
	maxExpressions  = 2000
	maxInstructions = 200_000 // of all expressions together, about 10 MB
	maxNets         = 10_000
)

// Take counts a rule. It returns an error if the rule exceeds the quota.
func (q *Quota) Take(r *Rule) error {
	switch r.Kind {
	case Regexp:
		q.exprs, q.instructions = q.exprs+1, q.instructions+r.instructions
		if q.exprs > maxExpressions || q.instructions > maxInstructions {
			return fmt.Errorf("more than %d regular expressions, or too complex ones; use *.name where possible",
				maxExpressions)
		}
	case Net:
		if q.nets++; q.nets > maxNets {
			return fmt.Errorf("more than %d addresses and networks", maxNets)
		}
	default:
		if q.names++; q.names > 2*maxNames { // half of them may be duplicates
			return fmt.Errorf("more than %d names", 2*maxNames)
		}
	}
	return nil
}

// Builder collects rules and builds a table of them. It is not safe for concurrent
// use.
type Builder struct {
	quota   Quota
	seed    maphash.Seed
	entries []entry
	exprs   []expression
	addrs   map[netip.Addr][]member
	nets    []network
}

// entry is a name, as its hash, and the source and kind of its rule.
type entry struct {
	hash   uint64
	member member
}

// NewBuilder returns a builder with room for that many names, which is only a hint.
func NewBuilder(names int) *Builder {
	return &Builder{seed: maphash.MakeSeed(), entries: make([]entry, 0, names), addrs: map[netip.Addr][]member{}}
}

// Add adds a rule of a source, which it does not keep. After an error the table has
// the rules before.
func (b *Builder) Add(s Source, r *Rule) error {
	if err := b.quota.Take(r); err != nil {
		return err
	}
	m := member{s, r.Kind}
	switch r.Kind {
	case Regexp:
		b.exprs = append(b.exprs, expression{m, r.Expr})
	case Net:
		if r.Net.IsSingleIP() {
			b.addrs[r.Net.Addr()] = append(b.addrs[r.Net.Addr()], m)
			break
		}
		b.nets = append(b.nets, network{m, r.Net})
	default:
		return b.name(entry{max(maphash.Bytes(b.seed, r.Name), 1), m})
	}
	return nil
}

// Drop removes all rules of a source.
func (b *Builder) Drop(s Source) {
	b.entries = slices.DeleteFunc(b.entries, func(e entry) bool { return e.member.source == s })
	b.exprs = slices.DeleteFunc(b.exprs, func(e expression) bool { return e.source == s })
	b.nets = slices.DeleteFunc(b.nets, func(n network) bool { return n.source == s })
	for a, members := range b.addrs {
		if left := slices.DeleteFunc(members, func(m member) bool { return m.source == s }); len(left) > 0 {
			b.addrs[a] = left
		} else {
			delete(b.addrs, a)
		}
	}
}

// name adds a name. It removes duplicates before it allocates more memory, so that
// ten million lines with one name cost no more than one.
func (b *Builder) name(e entry) error {
	if len(b.entries) == cap(b.entries) && len(b.entries) >= compactFrom {
		b.sort()
		b.entries = slices.Compact(b.entries)
		b.quota.names = len(b.entries)
		if len(b.entries) > maxNames {
			return fmt.Errorf("more than %d names", maxNames)
		}
		if len(b.entries) > cap(b.entries)/2 {
			b.entries = slices.Grow(b.entries, len(b.entries)/2)
		}
	}
	b.entries = append(b.entries, e)
	return nil
}

// compactFrom is the number of entries from which on removing duplicates pays.
const compactFrom = 1 << 18

// sort sorts the entries by hash, then by source and kind.
func (b *Builder) sort() {
	slices.SortFunc(b.entries, func(x, y entry) int {
		if c := cmp.Compare(x.hash, y.hash); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(x.member.source, y.member.source), cmp.Compare(x.member.kind, y.member.kind))
	})
}

// ErrSets is the error of lists that overlap in more ways than a table can
// represent.
var ErrSets = errors.New("blocklist: the lists overlap in more than 65535 ways; use fewer lists")

// Build builds the table. The builder must not be used afterwards.
func (b *Builder) Build() (*Table, error) {
	b.sort()
	distinct := 0
	for i := range b.entries {
		if i == 0 || b.entries[i].hash != b.entries[i-1].hash {
			distinct++
		}
	}
	t := &Table{seed: b.seed, exprs: b.exprs, addrs: b.addrs, nets: b.nets,
		rules: distinct + len(b.exprs) + len(b.addrs) + len(b.nets)}
	for size := distinct + distinct/4 + 64; ; size += size / 8 {
		ok, err := t.fill(b.entries, size)
		if err != nil {
			return nil, err // an incomplete table would be worse than the previous one
		}
		if ok {
			return t, nil
		}
	}
}

// fill places the entries in order. It returns false if the slack at the end does
// not suffice, which takes an unlucky seed.
func (t *Table) fill(entries []entry, size int) (bool, error) {
	t.hashes, t.tags, t.sets = make([]uint64, size), make([]uint16, size), nil
	known := map[string]uint16{}
	next := 0
	for i := 0; i < len(entries); {
		n := i + 1
		for n < len(entries) && entries[n].hash == entries[i].hash {
			n++
		}
		at := max(next, home(entries[i].hash, size))
		if at >= size {
			return false, nil
		}
		tag, err := t.tag(known, entries[i:n])
		if err != nil {
			return false, err
		}
		t.hashes[at], t.tags[at] = entries[i].hash, tag
		next, i = at+1, n
	}
	return true, nil
}

// tag returns the number of the set of the entries' members, a new one if it is not
// known. Each member is three bytes of a key of known.
func (t *Table) tag(known map[string]uint16, entries []entry) (uint16, error) {
	var buf [64]byte
	key := buf[:0]
	for i, e := range entries {
		if i == 0 || e.member != entries[i-1].member {
			key = append(key, byte(e.member.source>>8), byte(e.member.source), byte(e.member.kind))
		}
	}
	if tag, ok := known[string(key)]; ok {
		return tag, nil
	}
	if len(t.sets) > 65535 {
		return 0, ErrSets
	}
	set := make([]member, 0, len(key)/3)
	for k := key; len(k) > 0; k = k[3:] {
		set = append(set, member{Source(k[0])<<8 | Source(k[1]), Kind(k[2])})
	}
	tag := uint16(len(t.sets))
	t.sets, known[string(key)] = append(t.sets, set), tag
	return tag, nil
}
