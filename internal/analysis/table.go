package analysis

import (
	"cmp"
	"maps"
	"slices"
)

// Row is what a [Table] keeps of one key.
type Row[T any] interface {
	*T
	counted[T]
}

// counted are the methods of a row.
type counted[T any] interface {
	// weight is what rows are sorted by.
	weight() uint64
	// add adds the counters of another row.
	add(other *T)
}

// Table keeps the rows with the largest weights, in bounded memory. When it is full, the
// smaller half is added to Rest. So the sum over all rows and Rest is exact; once Dropped
// is above 0, a row may be a lower bound, for part of it may be in Rest.
type Table[T any, R Row[T]] struct {
	// Rest is the sum of the rows that were dropped.
	Rest T
	// Dropped is how many there were. A key that came back and was dropped again counts
	// twice.
	Dropped uint64

	rows map[string]*T
	pool *pool
	most int
}

// newTable returns a table of at most so many rows, in a pool.
func newTable[T any, R Row[T]](p *pool, most int) *Table[T, R] {
	t := &Table[T, R]{rows: map[string]*T{}, pool: p, most: most}
	p.members = append(p.members, t)
	return t
}

// row returns the row of a key, and true if it is a new one.
func (t *Table[T, R]) row(key []byte) (row *T, isNew bool) {
	if row, ok := t.rows[string(key)]; ok {
		return row, false
	}
	if len(t.rows) >= t.most {
		t.halve()
	}
	t.pool.take()
	row = new(T)
	t.rows[string(key)] = row
	return row, true
}

// Len returns the number of rows.
func (t *Table[T, R]) Len() int { return len(t.rows) }

// Top returns the n rows with the largest weights, in descending order, and all if n is
// negative. Rows of equal weight are in the order of their keys.
func (t *Table[T, R]) Top(n int) []*T {
	keys := t.sorted()
	if n >= 0 {
		keys = keys[:min(n, len(keys))]
	}
	rows := make([]*T, len(keys))
	for i, key := range keys {
		rows[i] = t.rows[key]
	}
	return rows
}

// Sum returns the sum of all rows and Rest.
func (t *Table[T, R]) Sum() T {
	sum := t.Rest
	for _, row := range t.rows { // sums are the same in any order
		R(&sum).add(row)
	}
	return sum
}

func (t *Table[T, R]) sorted() []string {
	return slices.SortedFunc(maps.Keys(t.rows), func(a, b string) int {
		return cmp.Or(cmp.Compare(R(t.rows[b]).weight(), R(t.rows[a]).weight()), cmp.Compare(a, b))
	})
}

// halve drops the smaller half of the rows.
func (t *Table[T, R]) halve() {
	keys := t.sorted()
	for _, key := range keys[len(keys)/2:] {
		R(&t.Rest).add(t.rows[key])
		delete(t.rows, key)
		t.Dropped++
		t.pool.rows--
	}
}

// size implements member.
func (t *Table[T, R]) size() int { return len(t.rows) }

// pool bounds the rows of all tables together. When it is full, the largest table drops
// half of its rows: what one qube fills it with costs no other qube a row as long as it
// has fewer.
type pool struct {
	members []member
	rows    int
	most    int
}

// member is a table in a pool.
type member interface {
	size() int
	halve()
}

// take makes room for a row.
func (p *pool) take() {
	if p.rows >= p.most {
		slices.MaxFunc(p.members, func(a, b member) int { return cmp.Compare(a.size(), b.size()) }).halve()
	}
	p.rows++
}
