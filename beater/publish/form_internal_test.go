package publish

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/esleg/eslegclient"
	"github.com/elastic/elastic-agent-libs/config"
	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// everything is a document with every kind of field, in every place.
type everything struct{}

func (everything) Time() time.Time          { return time.Unix(1763750371, 949123456).UTC() }
func (everything) Final() bool              { return true }
func (everything) Identify(*event.Identity) {}
func (everything) Write(w event.Writer) {
	w.String("type", "everything")
	w.String("hostile", "a\"\\\n\x00\x1b\xff\u2028<&>é")
	w.Begin("qube")
	w.String("name", "work")
	w.Addr("ip", netip.MustParseAddr("fe80::1%eth0"))
	w.Begin("empty")
	w.End()
	w.End()
	w.BeginList("answers")
	w.Item()
	w.String("name", "inside a list")
	w.End()
	w.Item()
	w.End()
	w.EndList()
	w.BeginList("none")
	w.EndList()
	w.Strings("words", "a", "b\n")
	w.Strings("no_words")
	w.Uint("count", 1<<63)
	w.Uints("counts", 1, 2)
	w.Bool("on", true)
	w.Time("at", 1763750371949123456)
}

// TestForm gives libbeat's encoders the same document in every form.
func TestForm(t *testing.T) {
	t.Parallel()
	for _, d := range []event.Document{everything{}, document()} {
		c := newCodec("9.3.0")
		encode := func(f Form, codec interface {
			Encode(string, *beat.Event) ([]byte, error)
		}) map[string]any {
			fields := f.fields(d)
			for k, v := range added() {
				fields[k] = v
			}
			text, err := codec.Encode("qubesbeat", &beat.Event{Timestamp: d.Time(), Fields: fields})
			return decode(t, text, err)
		}
		want := encode(Form{}, c.plain)
		for name, got := range map[string]map[string]any{
			"streamed":  encode(Form{kind: asStream}, c.plain),
			"document":  encode(Form{kind: asDocument}, c),
			"addressed": encode(Form{asDocument, []string{"qube.name", "count"}}, c),
			"again":     encode(Form{kind: asDocument}, c),
		} {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s mismatch (-map +got):\n%s", name, diff)
			}
		}
		var buf bytes.Buffer
		fields := Form{kind: asStream}.fields(d)
		err := eslegclient.NewJSONEncoder(&buf, false).Marshal(&beat.Event{Timestamp: d.Time(), Fields: fields})
		got := decode(t, buf.Bytes(), err)
		for k := range added() {
			delete(want, k)
		}
		delete(want, "@metadata")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Elasticsearch mismatch (-map +got):\n%s", diff)
		}
	}
}

// second is a document that begins with another field.
type second struct{ everything }

func (second) Write(w event.Writer) { w.Uint("count", 1) }

// TestForm_first reports a document that cannot be streamed instead of writing nonsense.
func TestForm_first(t *testing.T) {
	t.Parallel()
	_, err := newCodec("9.3.0").plain.Encode("x", &beat.Event{Fields: Form{kind: asStream}.fields(second{})})
	if !errors.Is(err, errFirst) {
		t.Errorf("Encode = %v; want %v", err, errFirst)
	}
}

// TestForm_address lets an output find the fields that its settings name.
func TestForm_address(t *testing.T) {
	t.Parallel()
	e := beat.Event{Fields: Form{asDocument, []string{"qube.name", "count", "answers.name", "absent.x"}}.fields(everything{})}
	for name, want := range map[string]any{"qube.name": "work", "count": uint64(1 << 63), "answers.name": nil, "absent.x": nil} {
		if got, _ := e.GetValue(name); got != want {
			t.Errorf("%s = %v; want %v", name, got, want)
		}
	}
}

// TestFormFor chooses the form by what the output reads.
func TestFormFor(t *testing.T) {
	t.Parallel()
	const ours = `codec: {qubesbeat: {}}`
	for _, tt := range []struct {
		output, settings string
		want             Form
	}{
		{FileOutput, "path: /x\n" + ours, Form{kind: asDocument}},
		{FileOutput, "path: /x\ncodec: {json: {}}", Form{}},
		{"discard", "{}", Form{kind: asDocument}},
		{"console", "{}", Form{}},
		{"elasticsearch", "hosts: [x]", Form{kind: asStream}},
		{"elasticsearch", "index: 'qubesbeat-%{[agent.version]}-%{+yyyy}'", Form{kind: asStream}},
		{"elasticsearch", "index: 'mine-%{[qube.name]:none}'", Form{}},
		{"elasticsearch", "index: 'mine-%{[observer.name]}'", Form{}}, // which a document writes
		{"redis", "key: 'x-%{[observer.name]}-%{[host.name]}'\n" + ours, Form{asDocument, []string{"observer.name"}}},
		{"elasticsearch", "indices: [{index: x, when.equals.type: flow}]", Form{}},
		{"logstash", "hosts: [x]", Form{kind: asStream}},
		{"redis", "key: 'x-%{[qube.name]}-%{[type]}'\n" + ours, Form{asDocument, []string{"qube.name", "type"}}},
		{"redis", "keys: [{key: x}]\n" + ours, Form{}},
		{"kafka", "topic: x\npartition.hash.hash: [qube.name]\n" + ours, Form{asDocument, []string{"qube.name"}}},
		{"kafka", "topic: x\ncodec: {format: {string: '%{[type]}'}}", Form{}},
	} {
		settings, err := config.NewConfigFrom(tt.settings)
		if err != nil {
			t.Fatal(err)
		}
		if got := FormFor(tt.output, settings); !cmp.Equal(got, tt.want, cmp.AllowUnexported(Form{})) {
			t.Errorf("%s %q: FormFor = %v; want %v", tt.output, tt.settings, got, tt.want)
		}
	}
}

func BenchmarkElasticsearch(b *testing.B) {
	d := document()
	for name, form := range map[string]Form{"map": {}, "streamed": {kind: asStream}} {
		b.Run(name, func(b *testing.B) {
			var buf bytes.Buffer
			enc := eslegclient.NewJSONEncoder(&buf, false)
			b.ReportAllocs()
			for b.Loop() {
				if err := enc.Marshal(&beat.Event{Timestamp: d.Time(), Fields: form.fields(d)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
