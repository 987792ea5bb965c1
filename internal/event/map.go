package event

import (
	"net/netip"
	"time"
)

// Map is the [Writer] that builds nested maps. Use [ToMap].
type Map struct {
	stack []map[string]any
	list  string // name of the open list; lists do not nest
	items []map[string]any
}

var _ Writer = (*Map)(nil) // type check

// ToMap returns d's fields as nested maps of strings, uint64s, bools,
// time.Times and slices of them or of maps. The maps are the caller's.
func ToMap(d Document) map[string]any {
	root := make(map[string]any, 12)
	m := Map{stack: append(make([]map[string]any, 0, 5), root)}
	d.Write(&m)
	return root
}

// put sets a field of the innermost open object.
func (m *Map) put(name string, value any) { m.stack[len(m.stack)-1][name] = value }

// Begin implements [Writer].
func (m *Map) Begin(name string) {
	inner := make(map[string]any, 6)
	m.put(name, inner)
	m.stack = append(m.stack, inner)
}

// End implements [Writer].
func (m *Map) End() { m.stack = m.stack[:len(m.stack)-1] }

// BeginList implements [Writer].
func (m *Map) BeginList(name string) { m.list, m.items = name, nil }

// Item implements [Writer].
func (m *Map) Item() {
	inner := make(map[string]any, 6)
	m.items = append(m.items, inner)
	m.stack = append(m.stack, inner)
}

// EndList implements [Writer].
func (m *Map) EndList() { m.put(m.list, m.items) }

// String implements [Writer].
func (m *Map) String(name, value string) { m.put(name, value) }

// Addr implements [Writer].
func (m *Map) Addr(name string, value netip.Addr) { m.put(name, value.WithZone("").String()) }

// Strings implements [Writer].
func (m *Map) Strings(name string, values ...string) { m.put(name, append([]string(nil), values...)) }

// Uint implements [Writer].
func (m *Map) Uint(name string, value uint64) { m.put(name, value) }

// Uints implements [Writer].
func (m *Map) Uints(name string, values ...uint64) { m.put(name, append([]uint64(nil), values...)) }

// Bool implements [Writer].
func (m *Map) Bool(name string, value bool) { m.put(name, value) }

// Time implements [Writer].
func (m *Map) Time(name string, nanos int64) { m.put(name, time.Unix(0, nanos).UTC()) }
