package beater

import (
	"net/netip"
	"sync"
	"time"

	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/beats/v7/libbeat/common/dtfmt"
	"github.com/elastic/go-structform"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// folder lets a document write itself into the JSON encoder of libbeat's file
// output, without a map in between. It stands as the value of the document's
// first field, "type", and writes the rest of the fields into the object that
// it stands in. Encoding is twice as fast so, and it is only used where nobody
// else reads the event's fields: see [plainOutput].
type folder struct {
	doc event.Document
}

// firstField is the name that every document begins with.
const firstField = "type"

// Fold implements structform's gotype.Folder.
func (f folder) Fold(v structform.ExtVisitor) error {
	w := foldWriter{v: v, first: true}
	f.doc.Write(&w)
	return w.err
}

// foldWriter is an [event.Writer] in front of a structform visitor. The first
// error is kept and stops everything.
type foldWriter struct {
	v     structform.ExtVisitor
	first bool
	err   error
	text  [64]byte
}

var _ event.Writer = (*foldWriter)(nil) // type check

// key begins a field. The very first key has been written by the encoder.
func (w *foldWriter) key(name string) bool {
	if w.first {
		w.first = false
		return true
	}
	w.note(w.v.OnKey(name))
	return w.err == nil
}

func (w *foldWriter) note(err error) {
	if w.err == nil {
		w.err = err
	}
}

// Begin implements [event.Writer].
func (w *foldWriter) Begin(name string) {
	if w.key(name) {
		w.note(w.v.OnObjectStart(-1, structform.AnyType))
	}
}

// End implements [event.Writer].
func (w *foldWriter) End() { w.note(w.v.OnObjectFinished()) }

// String implements [event.Writer].
func (w *foldWriter) String(name, value string) {
	if w.key(name) {
		w.note(w.v.OnString(value))
	}
}

// Addr implements [event.Writer].
func (w *foldWriter) Addr(name string, value netip.Addr) {
	if w.key(name) {
		w.note(w.v.OnStringRef(value.AppendTo(w.text[:0])))
	}
}

// Strings implements [event.Writer].
func (w *foldWriter) Strings(name string, values ...string) {
	if w.key(name) {
		w.note(w.v.OnArrayStart(len(values), structform.StringType))
		for _, s := range values {
			w.note(w.v.OnString(s))
		}
		w.note(w.v.OnArrayFinished())
	}
}

// Uint implements [event.Writer].
func (w *foldWriter) Uint(name string, value uint64) {
	if w.key(name) {
		w.note(w.v.OnUint64(value))
	}
}

// Uints implements [event.Writer].
func (w *foldWriter) Uints(name string, values ...uint64) {
	if w.key(name) {
		w.note(w.v.OnArrayStart(len(values), structform.Uint64Type))
		for _, n := range values {
			w.note(w.v.OnUint64(n))
		}
		w.note(w.v.OnArrayFinished())
	}
}

// Bool implements [event.Writer].
func (w *foldWriter) Bool(name string, value bool) {
	if w.key(name) {
		w.note(w.v.OnBool(value))
	}
}

// Time implements [event.Writer]; the precision is that of timestamp.precision.
func (w *foldWriter) Time(name string, nanos int64) {
	if !w.key(name) {
		return
	}
	text, err := timestamps().AppendTo(w.text[:0], time.Unix(0, nanos).UTC())
	w.note(err)
	if w.err == nil {
		w.note(w.v.OnStringRef(text))
	}
}

// timestamps returns the formatter for the configured precision, which libbeat
// sets before the first event.
var timestamps = sync.OnceValue(func() *dtfmt.Formatter {
	return dtfmt.MustNewFormatter(common.TimestampFormat(false))
})
