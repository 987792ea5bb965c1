package eventfile_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// written is a line as the file output writes it.
const written = `{"@timestamp":"2026-11-21T20:59:27.764Z","@metadata":{"beat":"qubesbeat","type":"_doc"},"type":"flow",` +
	`"event":{"id":"cKAIGptH50VXqYXnZKkh_w","dataset":"flow"},"qube":{"name":"work"},"source":{"ip":"10.137.0.6","bytes":98},` +
	`"agent":{"ephemeral_id":"1"},"host":{"name":"sys-log"}}`

// TestParser_Parse takes from a line what a reader needs, and its fields as they are.
func TestParser_Parse(t *testing.T) {
	t.Parallel()
	var p eventfile.Parser
	e, err := p.Parse([]byte(written))
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 11, 21, 20, 59, 27, 764e6, time.UTC); !e.Time.Equal(want) || e.Dataset != "flow" || e.Qube != "work" || len(e.ID) != 22 {
		t.Errorf("Parse = %v, %q, %q, id %q", e.Time, e.Dataset, e.Qube, e.ID)
	}
	_, want, _ := strings.Cut(written, `"_doc"},`)
	if want = strings.TrimSuffix(want, "}"); string(e.Members) != want {
		t.Errorf("members are %s; want %s", e.Members, want)
	}
}

// TestParser_Parse_id gives events an identity that no line can choose.
func TestParser_Parse_id(t *testing.T) {
	t.Parallel()
	id := func(replacements ...string) string {
		var p eventfile.Parser
		e, err := p.Parse([]byte(strings.NewReplacer(replacements...).Replace(written)))
		if err != nil {
			t.Fatal(err)
		}
		return e.ID
	}
	same := id()
	for name, replace := range map[string][]string{
		"another run": {`"ephemeral_id":"1"`, `"ephemeral_id":"2"`},
		"metadata":    {`{"beat":"qubesbeat",`, `{"_id":"x","op_type":"delete",`},
	} {
		if id(replace...) != same {
			t.Errorf("%s: the identity is another one", name)
		}
	}
	for name, replace := range map[string][]string{
		"the same event.id": {`"bytes":98`, `"bytes":99`},
		"another time":      {".764Z", ".765Z"},
		"another host":      {`"sys-log"`, `"sys-log2"`},
		"another type":      {`"type":"flow"`, `"type":"flow2"`},
	} {
		if id(replace...) == same {
			t.Errorf("%s: the identity is the same", name)
		}
	}
}

// TestParser_Parse_order puts the field type first.
func TestParser_Parse_order(t *testing.T) {
	t.Parallel()
	var p eventfile.Parser
	e, err := p.Parse([]byte(` { "event" : {"dataset":"fl\u006fw", "x": [1, {"}": "\"]"}]} , "@metadata": null, "a\"b": "\\", "\u0074ype":"flow", "@timestamp" : "2026-11-21T20:59:27Z", "n":-1.5e3 } `))
	if err != nil {
		t.Fatal(err)
	}
	want := `"\u0074ype":"flow","event" : {"dataset":"fl\u006fw", "x": [1, {"}": "\"]"}]},"a\"b": "\\","n":-1.5e3`
	if string(e.Members) != want || e.Dataset != "flow" {
		t.Errorf("members are %s; want %s", e.Members, want)
	}
}

// unreadable are lines that are no events, by the reason.
var unreadable = map[string][]string{
	"not a JSON object":         {"", "null", "[1]", "{", `{"a":1}}`, written[:len(written)-1], written + "x", `"text"`},
	"not UTF-8":                 {strings.Replace(written, "work", "w\xffrk", 1)},
	"a field is there twice":    {strings.Replace(written, `"host"`, `"typ\u0065"`, 1), strings.Replace(written, `"host"`, `"@metadata"`, 1)},
	"more fields than":          {strings.Replace(written, `"host"`, manyFields(300)+`"host"`, 1)},
	"@timestamp is missing":     {strings.Replace(written, "2026", "1969", 1), strings.Replace(written, "2026", "2200", 1), strings.Replace(written, "@timestamp", "time", 1), strings.Replace(written, `"2026-11-21T20:59:27.764Z"`, "7", 1)},
	"the field type is missing": {strings.Replace(written, `"type":"flow"`, `"type":7`, 1), strings.Replace(written, `"type":"flow"`, `"typ":"flow"`, 1), strings.Replace(written, `"type":"flow"`, `"type":""`, 1)},
	"event.dataset is missing":  {strings.Replace(written, `"dataset"`, `"data"`, 1), strings.Replace(written, `"event"`, `"event2"`, 1)},
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"f%d":0,`, i)
	}
	return b.String()
}

// TestParser_Parse_unreadable says why a line is no event.
func TestParser_Parse_unreadable(t *testing.T) {
	t.Parallel()
	var p eventfile.Parser
	for reason, lines := range unreadable {
		for _, line := range lines {
			if _, err := p.Parse([]byte(line)); err == nil || !strings.Contains(err.Error(), reason) {
				t.Errorf("Parse(%.200s) = %v; want %q", line, err, reason)
			}
		}
	}
}

// FuzzParser_Parse finds in any line what encoding/json finds, and nothing of @metadata.
func FuzzParser_Parse(f *testing.F) {
	f.Add(written)
	f.Add(` {"a\\":"\"","type":"x","@metadata":{},"event":{"dataset":"d"},"@timestamp":"2026-11-21T20:59:27Z" } `)
	for _, lines := range unreadable {
		for _, line := range lines {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, line string) {
		var p eventfile.Parser
		e, err := p.Parse([]byte(line))
		if err != nil {
			return
		}
		var want, got map[string]any
		if err := json.Unmarshal([]byte(line), &want); err != nil {
			t.Fatalf("Parse accepts %q: %v", line, err)
		}
		if err := json.Unmarshal([]byte("{"+string(e.Members)+"}"), &got); err != nil {
			t.Fatalf("%v in %q of %q", err, e.Members, line)
		}
		for name := range want {
			if name == "@timestamp" || name == "@metadata" || strings.HasPrefix(name, "@metadata.") {
				delete(want, name)
			}
		}
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(got)
		if !bytes.Equal(a, b) {
			t.Errorf("fields of %q: %s; want %s", line, b, a)
		}
		if event, ok := want["event"].(map[string]any); !ok || event["dataset"] != e.Dataset {
			t.Errorf("dataset of %q is %q", line, e.Dataset)
		}
	})
}
