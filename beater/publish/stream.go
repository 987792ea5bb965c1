package publish

import (
	"errors"
	"net/netip"
	"time"

	"github.com/elastic/go-structform"
	"github.com/elastic/go-structform/gotype"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// firstField is the field with which every document of ours begins.
const firstField = "type"

// errFirst is the fault of a document that begins with another field.
var errFirst = errors.New("publish: a document must begin with the string " + firstField)

// streamed is a document that writes itself where libbeat's Elasticsearch and Logstash
// outputs turn the fields of an event into JSON. It stands as the value of firstField
// and writes, after that value, the other fields of the document as siblings: the
// encoder does not count them. No map is made and no reflection is used.
type streamed struct{ event.Document }

var _ gotype.Folder = streamed{} // type check

// Fold implements gotype.Folder.
func (f streamed) Fold(v structform.ExtVisitor) error {
	w := folder{v: v, first: true}
	f.Write(&w)
	return w.err
}

// folder is the [event.Writer] that passes fields to a visitor of structform. It keeps
// the first error.
type folder struct {
	v     structform.ExtVisitor
	first bool // the name of the next field has been written
	err   error
}

var _ event.Writer = (*folder)(nil) // type check

// do keeps the first error.
func (w *folder) do(err error) {
	if w.err == nil {
		w.err = err
	}
}

// key begins a field.
func (w *folder) key(name string) {
	if !w.first {
		w.do(w.v.OnKey(name))
	} else if w.first = false; name != firstField {
		w.do(errFirst)
	}
}

// Begin implements [event.Writer].
func (w *folder) Begin(name string) {
	w.key(name)
	w.do(w.v.OnObjectStart(-1, structform.AnyType))
}

// End implements [event.Writer].
func (w *folder) End() { w.do(w.v.OnObjectFinished()) }

// BeginList implements [event.Writer].
func (w *folder) BeginList(name string) {
	w.key(name)
	w.do(w.v.OnArrayStart(-1, structform.AnyType))
}

// Item implements [event.Writer].
func (w *folder) Item() { w.do(w.v.OnObjectStart(-1, structform.AnyType)) }

// EndList implements [event.Writer].
func (w *folder) EndList() { w.do(w.v.OnArrayFinished()) }

// String implements [event.Writer].
func (w *folder) String(name, value string) {
	w.key(name)
	w.do(w.v.OnString(value))
}

// Strings implements [event.Writer].
func (w *folder) Strings(name string, values ...string) {
	w.key(name)
	w.do(w.v.OnStringArray(values))
}

// Addr implements [event.Writer].
func (w *folder) Addr(name string, value netip.Addr) {
	var text [48]byte
	w.key(name)
	w.do(w.v.OnStringRef(value.WithZone("").AppendTo(text[:0])))
}

// Uint implements [event.Writer].
func (w *folder) Uint(name string, value uint64) {
	w.key(name)
	w.do(w.v.OnUint64(value))
}

// Uints implements [event.Writer].
func (w *folder) Uints(name string, values ...uint64) {
	w.key(name)
	w.do(w.v.OnUint64Array(values))
}

// Bool implements [event.Writer].
func (w *folder) Bool(name string, value bool) {
	w.key(name)
	w.do(w.v.OnBool(value))
}

// Time implements [event.Writer].
func (w *folder) Time(name string, nanos int64) {
	var text [32]byte
	w.key(name)
	w.do(w.v.OnStringRef(time.Unix(0, nanos).UTC().AppendFormat(text[:0], "2006-01-02T15:04:05.000Z07:00"))) // as libbeat does
}
