package blocklist

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
)

// Quota bounds what lists may make the table hold and look through. The zero
// value has used nothing.
type Quota struct {
	exprs, instructions, nets, names int
}

// The bounds. The table of five million names takes 62 MB, and its making twice as
// much; expressions and networks are looked through one by one.
const (
	maxNames        = 5_000_000
	maxExpressions  = 2000
	maxInstructions = 200_000 // of all expressions together: some 10 MB
	maxNets         = 10_000
)

// Take counts a rule in, or says why it has no place.
func (q *Quota) Take(r *Rule) error {
	switch r.Kind {
	case Regexp:
		q.exprs, q.instructions = q.exprs+1, q.instructions+r.instructions
		if q.exprs > maxExpressions || q.instructions > maxInstructions {
			return fmt.Errorf("more than %d regular expressions, or too large ones; write *.name where you can", maxExpressions)
		}
	case Net:
		if q.nets++; q.nets > maxNets {
			return fmt.Errorf("more than %d addresses and networks", maxNets)
		}
	default:
		if q.names++; q.names > 2*maxNames { // most of them may be the same
			return fmt.Errorf("more than %d names", 2*maxNames)
		}
	}
	return nil
}

// Builder collects rules and makes a table of them.
type Builder struct {
	quota   Quota
	seed    maphash.Seed
	entries []entry
	exprs   []expression
	addrs   map[netip.Addr][]member
	nets    []network
}

type entry struct {
	hash   uint64
	member member
}

// NewBuilder returns a builder with room for about as many names.
func NewBuilder(names int) *Builder {
	return &Builder{seed: maphash.MakeSeed(), entries: make([]entry, 0, names), addrs: map[netip.Addr][]member{}}
}

// Add adds a rule of a source. After an error the table has the rules before it.
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

// name adds a name. Before it takes more memory it throws out what is there twice:
// a list of one name, ten million times, is one name.
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

// compactFrom is from how many entries on it is worth while.
const compactFrom = 1 << 18

func (b *Builder) sort() {
	slices.SortFunc(b.entries, func(x, y entry) int {
		if c := cmp.Compare(x.hash, y.hash); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(x.member.source, y.member.source), cmp.Compare(x.member.kind, y.member.kind))
	})
}

// ErrSets tells that the lists overlap in more ways than a table can note.
var ErrSets = errors.New("blocklist: the lists overlap in more than 65535 ways; use fewer lists")

// Build makes the table. The builder must not be used again.
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
			return nil, err // half a table would be worse than the one before
		}
		if ok {
			return t, nil
		}
	}
}

// fill places the entries in order. It reports false where the room at the end
// was too little, which needs an unlucky seed.
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

// tag returns the number of a set of members.
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
