package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
	"github.com/qubesbeat/qubesbeat/internal/version"
)

// maxProblems is how many problems of one event are worth reading.
const maxProblems = 10

// Check fails the test if a line is not an event of the program. where says in messages
// what was read.
func Check(tb testing.TB, where string, line []byte) {
	tb.Helper()
	known, err := types()
	if err != nil {
		tb.Fatal(err)
	}
	for i, problem := range read(known, line) {
		if i == maxProblems {
			tb.Errorf("%s: and more", where)
			break
		}
		tb.Errorf("%s: %v", where, problem)
	}
}

// types returns the type of every field by its name. Those of packetbeat are among them.
var types = sync.OnceValues(func() (map[string]string, error) {
	path, err := fixture.Path("module", "transaction", "mapping", "types.txt")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	known := map[string]string{}
	for line := range strings.Lines(string(text)) {
		kind, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		known[name] = kind
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("%s has no types", path)
	}
	return known, nil
})

// read returns what is wrong with a line.
func read(known map[string]string, line []byte) []error {
	if !utf8.Valid(line) {
		return []error{fmt.Errorf("not UTF-8: %q", line)}
	}
	r := reader{types: known, json: json.NewDecoder(bytes.NewReader(line)), own: isOwn(line)}
	r.json.UseNumber()
	if t, err := r.json.Token(); err != nil || t != json.Delim('{') {
		return []error{fmt.Errorf("not a JSON object: %v: %q", err, line)}
	}
	if err := r.object(""); err != nil {
		return append(r.problems, fmt.Errorf("%w: %q", err, line))
	}
	if _, err := r.json.Token(); !errors.Is(err, io.EOF) {
		r.problemf("", "something follows the object")
	}
	return r.problems
}

// isOwn reports whether the event is one of ours, and not of packetbeat's analyzers: those
// write some numbers as text, and the other way round, which Elasticsearch converts.
func isOwn(line []byte) bool {
	var e struct{ Event struct{ Module string } }
	return json.Unmarshal(line, &e) != nil || e.Event.Module == version.Product
}

// reader is the state of one event.
type reader struct {
	types    map[string]string
	own      bool
	json     *json.Decoder
	problems []error
}

func (r *reader) problemf(path, format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
}

// object reads the rest of an object whose fields have names that begin with prefix.
func (r *reader) object(prefix string) error {
	seen := map[string]bool{}
	for r.json.More() {
		t, err := r.json.Token()
		if err != nil {
			return err
		}
		name := t.(string) // the decoder takes nothing else for a key
		if seen[name] {
			r.problemf(prefix+name, "is there twice")
		}
		seen[name] = true
		if err := r.value(prefix + name); err != nil {
			return err
		}
	}
	_, err := r.json.Token()
	return err
}

// value reads the value of a field, or an element of its list.
func (r *reader) value(path string) error {
	t, err := r.json.Token()
	if err != nil {
		return err
	}
	switch v := t.(type) {
	case json.Delim:
		if v == '{' {
			r.checkObject(path)
			return r.object(path + ".")
		}
		for r.json.More() {
			if err := r.value(path); err != nil {
				return err
			}
		}
		_, err := r.json.Token()
		return err
	case nil:
	default:
		r.checkValue(path, v)
	}
	return nil
}
