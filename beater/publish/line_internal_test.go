package publish

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/esleg/eslegclient"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/google/go-cmp/cmp"
)

// members are the fields of an event with every kind of value.
const members = `"type":"flow","agent":{"name":"other"},"text":"a\"\\\n\u0000\u2028<&>é\ud83d\ude00","n":[0,-1,9223372036854775807,18446744073709551615,1.5,-2e-3,1e300],` +
	`"qube":{"name":"work","on":true,"off":false,"none":null,"empty":{},"list":[[],[{}],[{"a":[{"b":1}]}]]}`

// encodings returns an event as each kind of output encodes it, by name.
func encodings(t *testing.T, members string) map[string]map[string]any {
	t.Helper()
	c := newCodec("9.3.0")
	all := map[string]map[string]any{}
	for name, form := range map[string]Form{"map": {}, "streamed": {kind: asStream}, "document": {kind: asDocument},
		"addressed": {asDocument, []string{"qube.name", "agent.name", "type", "absent"}}} {
		e := beat.Event{Timestamp: time.Unix(1, 0).UTC(), Meta: mapstr.M{"_id": "x"}, Fields: form.line([]byte(members))}
		var text []byte
		var err error
		if form.kind == asDocument {
			text, err = c.Encode("qubesbeat", &e)
		} else {
			text, err = c.plain.Encode("qubesbeat", &e)
		}
		all[name] = decode(t, text, err)
		if form.kind != asDocument {
			var buf bytes.Buffer
			err := eslegclient.NewJSONEncoder(&buf, false).Marshal(&e)
			all["Elasticsearch, "+name] = decode(t, buf.Bytes(), err)
		}
	}
	return all
}

// check holds that every output gets the fields as they are in the line, and nothing else.
func check(t *testing.T, members string) {
	t.Helper()
	var want map[string]any
	if err := json.Unmarshal([]byte("{"+members+"}"), &want); err != nil {
		t.Fatal(err)
	}
	want["@timestamp"] = "1970-01-01T00:00:01.000Z"
	for name, got := range encodings(t, members) {
		if !strings.HasPrefix(name, "Elasticsearch") {
			if meta, _ := got["@metadata"].(map[string]any); meta["_id"] != "x" || len(meta) != 4 {
				t.Errorf("%s: @metadata is %v", name, meta)
			}
			delete(got, "@metadata")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s mismatch (-line +got):\n%s", name, diff)
		}
	}
}

// TestForm_line gives every output the same event.
func TestForm_line(t *testing.T) {
	t.Parallel()
	check(t, members)
	check(t, `"type":"\u0078","deep":`+strings.Repeat(`[`, 20)+strings.Repeat(`]`, 20))
}

// TestForm_line_numbers keeps integers exact.
func TestForm_line_numbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{"-7": int64(-7), "18446744073709551615": uint64(math.MaxUint64), "1.5": 1.5, "1e999": "1e999"} {
		if got := numberOf(text); got != want {
			t.Errorf("numberOf(%s) = %v; want %v", text, got, want)
		}
	}
}

// TestForm_line_address lets an output find the fields that its settings name.
func TestForm_line_address(t *testing.T) {
	t.Parallel()
	e := beat.Event{Fields: Form{asDocument, []string{"qube.name", "agent.name", "absent.x"}}.line([]byte(members))}
	for name, want := range map[string]any{"qube.name": "work", "agent.name": "other", "absent.x": nil} {
		if got, _ := e.GetValue(name); got != want {
			t.Errorf("%s = %v; want %v", name, got, want)
		}
	}
}

// TestFormForLines looks for the fields of the agent in the event.
func TestFormForLines(t *testing.T) {
	t.Parallel()
	const settings = "topic: '%{[host.name]}-%{[type]}'\ncodec: {qubesbeat: {}}"
	c, err := conf.NewConfigFrom(settings)
	if err != nil {
		t.Fatal(err)
	}
	want := Form{asDocument, []string{"host.name", "type"}}
	if got := FormForLines("kafka", c); !cmp.Equal(got, want, cmp.AllowUnexported(Form{})) {
		t.Errorf("FormForLines = %v; want %v", got, want)
	}
}

// FuzzForm_line gives every output the same event, whatever a line says.
func FuzzForm_line(f *testing.F) {
	f.Add(members)
	f.Add(`"type":"x","a":1e999`)
	f.Fuzz(func(t *testing.T, members string) {
		var fields map[string]any // which has no numbers such as 1e999
		if json.Unmarshal([]byte("{"+members+"}"), &fields) != nil || !strings.HasPrefix(members, `"type":"`) || strings.Contains(members, "@") {
			return
		}
		all := encodings(t, members)
		for _, pair := range [][2]string{{"document", "addressed"}, {"streamed", "map"}, {"Elasticsearch, streamed", "Elasticsearch, map"}} {
			if diff := cmp.Diff(all[pair[0]], all[pair[1]]); diff != "" {
				t.Errorf("%s mismatch (-%s +%s):\n%s", members, pair[0], pair[1], diff)
			}
		}
	})
}
