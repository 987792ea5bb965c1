package publish

import (
	"net/netip"
	"strings"
	"time"

	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// addressed is a document beside copies of those of its fields that the output reads
// to choose a topic, a key or a partition.
type addressed struct {
	event.Document
	copies []string // top-level names of the copies, which are no fields of the event
}

// newAddressed returns the fields of an event: the document, and copies of some of its
// fields under their own names.
func newAddressed(d event.Document, names []string) mapstr.M {
	fields := mapstr.M{}
	f := finder{names: names, found: func(name string, value any) { _, _ = fields.Put(name, value) }}
	d.Write(&f)
	copies := make([]string, 0, len(fields))
	for name := range fields {
		copies = append(copies, name)
	}
	fields[documentField] = addressed{d, copies}
	return fields
}

// finder is the [event.Writer] that finds the values of some fields.
type finder struct {
	names []string // with dots
	found func(name string, value any)
	path  []string
	list  int // depth of lists, whose objects have no names
}

var _ event.Writer = (*finder)(nil) // type check

// value reports a field if it is wanted.
func (f *finder) value(name string, value any) {
	for _, wanted := range f.names {
		if f.list == 0 && f.isAt(wanted, name) {
			f.found(wanted, value)
		}
	}
}

// isAt reports whether a dotted name is that of a field of the open object.
func (f *finder) isAt(wanted, name string) bool {
	for _, part := range f.path {
		rest, ok := strings.CutPrefix(wanted, part+".")
		if !ok {
			return false
		}
		wanted = rest
	}
	return wanted == name
}

// Begin implements [event.Writer].
func (f *finder) Begin(name string) { f.path = append(f.path, name) }

// End implements [event.Writer].
func (f *finder) End() { f.path = f.path[:len(f.path)-1] }

// BeginList implements [event.Writer].
func (f *finder) BeginList(string) { f.list++ }

// Item implements [event.Writer].
func (f *finder) Item() { f.path = append(f.path, "") }

// EndList implements [event.Writer].
func (f *finder) EndList() { f.list-- }

// String implements [event.Writer].
func (f *finder) String(name, value string) { f.value(name, value) }

// Strings implements [event.Writer].
func (f *finder) Strings(name string, values ...string) {
	f.value(name, append([]string(nil), values...))
}

// Addr implements [event.Writer].
func (f *finder) Addr(name string, value netip.Addr) { f.value(name, value.WithZone("").String()) }

// Uint implements [event.Writer].
func (f *finder) Uint(name string, value uint64) { f.value(name, value) }

// Uints implements [event.Writer].
func (f *finder) Uints(name string, values ...uint64) {
	f.value(name, append([]uint64(nil), values...))
}

// Bool implements [event.Writer].
func (f *finder) Bool(name string, value bool) { f.value(name, value) }

// Time implements [event.Writer].
func (f *finder) Time(name string, nanos int64) { f.value(name, time.Unix(0, nanos).UTC()) }
