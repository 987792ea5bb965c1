package publish

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/elastic/go-structform"
	"github.com/elastic/go-structform/gotype"
)

// streamedLine are the fields of an event that was written before, where libbeat's
// Elasticsearch and Logstash outputs turn the fields of an event into JSON. Like
// [streamed], it stands as the value of firstField.
type streamedLine []byte

var _ gotype.Folder = streamedLine(nil) // type check

// Fold implements gotype.Folder.
func (l streamedLine) Fold(v structform.ExtVisitor) error {
	d := json.NewDecoder(bytes.NewReader(object(l)))
	d.UseNumber()
	w := lineFolder{v: v, d: d}
	if err := w.first(); err != nil {
		return fmt.Errorf("publish: encoding an event that was read: %w", err)
	}
	for d.More() {
		if err := w.member(); err != nil {
			return fmt.Errorf("publish: encoding an event that was read: %w", err)
		}
	}
	return nil
}

// lineFolder passes the values of a JSON text to a visitor of structform.
type lineFolder struct {
	v structform.ExtVisitor
	d *json.Decoder
}

// first passes the value of the first field, whose name has been written.
func (w *lineFolder) first() error {
	for _, want := range []json.Token{json.Delim('{'), firstField} {
		if token, err := w.d.Token(); err != nil || token != want {
			return errors.Join(errFirst, err)
		}
	}
	return w.value()
}

// member passes a field.
func (w *lineFolder) member() error {
	token, err := w.d.Token()
	if err != nil {
		return err
	}
	name, ok := token.(string)
	if !ok {
		return io.ErrUnexpectedEOF // impossible: the text is valid
	}
	if err := w.v.OnKey(name); err != nil {
		return err
	}
	return w.value()
}

// value passes a value.
func (w *lineFolder) value() error {
	token, err := w.d.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		return w.inside(t)
	case string:
		return w.v.OnString(t)
	case bool:
		return w.v.OnBool(t)
	case json.Number:
		return w.number(string(t))
	}
	return w.v.OnNil()
}

// inside passes an object or a list that has begun.
func (w *lineFolder) inside(begin json.Delim) error {
	start, element, finish := w.v.OnArrayStart, w.value, w.v.OnArrayFinished
	if begin == '{' {
		start, element, finish = w.v.OnObjectStart, w.member, w.v.OnObjectFinished
	}
	if err := start(-1, structform.AnyType); err != nil {
		return err
	}
	for w.d.More() {
		if err := element(); err != nil {
			return err
		}
	}
	if _, err := w.d.Token(); err != nil {
		return err
	}
	return finish()
}

// number passes a number.
func (w *lineFolder) number(text string) error {
	switch n := numberOf(text).(type) {
	case int64:
		return w.v.OnInt64(n)
	case uint64:
		return w.v.OnUint64(n)
	case float64:
		return w.v.OnFloat64(n)
	}
	return w.v.OnString(text) // no number of Go's can hold it, such as 1e999
}

// numberOf returns a number of JSON as an int64, uint64 or float64, in this order, or as
// its text if it is none of them.
func numberOf(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return n
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return n
	}
	return text
}
