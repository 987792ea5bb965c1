package topology_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/topology"
)

// forms are all ways to write a Map.
var forms = map[string]func(*topology.Map, io.Writer) error{
	"map.txt": func(m *topology.Map, w io.Writer) error { return m.Text(w, topology.Style{}) },
	"map.ascii.txt": func(m *topology.Map, w io.Writer) error {
		return m.Text(w, topology.Style{ASCII: true, Paint: func(label, s string) string { return "<" + label + ">" + s }})
	},
	"table.txt": (*topology.Map).Table, "map.svg": (*topology.Map).SVG, "map.mmd": (*topology.Map).Mermaid,
	"map.dot": (*topology.Map).DOT, "map.json": (*topology.Map).JSON,
}

// TestMap holds what each form looks like.
func TestMap(t *testing.T) {
	t.Parallel()
	for name, write := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, file := written(t, laptop(), write), filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v: run go test with -update and review the file", err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("map mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

var update = flag.Bool("update", false, "write the golden files")

func written(tb testing.TB, m *topology.Map, write func(*topology.Map, io.Writer) error) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := write(m, &b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// hostile are names that mean something to a form.
var hostile = []string{"</text><script>alert(1)</script>", `"]; x --> y`, "\x1b[31mred\x1b[0m", "a\u202eb", `\"quote\\`, "#quot;#34;", "\xff\xfe", "n\n\nn", "&lt;b&gt;",
	strings.Repeat("w", 300), "<!--", "]]>", "{{.}}", "%d%s"}

// forest returns a Map with n qubes, of which every eighth is a netvm.
func forest(n int) *topology.Map {
	m := &topology.Map{Host: "sys-log", Upstream: []string{"sys-net"}, At: now}
	for i := range n {
		q := topology.Qube{Name: fmt.Sprintf("q%03d%s", i, hostile[i%len(hostile)]), Label: hostile[(i+3)%len(hostile)], Netvm: "sys-log",
			Addrs: ips(fmt.Sprintf("10.137.%d.%d", i/250, i%250+1)), Mark: topology.Mark(i % 5), Checks: []string{hostile[i%len(hostile)]}}
		if i%3 == 0 {
			q.Exit = topology.Exit{Kind: "vpn", Protocol: hostile[i%len(hostile)], Endpoint: fmt.Sprint("203.0.113.", i%9), Seen: topology.Seen(i % 3)}
		}
		if p := i / 8; p > 0 {
			q.Netvm = m.Qubes[p].Name
		}
		m.Qubes = append(m.Qubes, q)
	}
	return m
}

// TestMap_SVG_many draws 300 qubes with hostile names: the picture is well-formed, has
// nothing that runs or loads, no boxes overlap, and it is the same in any order.
func TestMap_SVG_many(t *testing.T) {
	t.Parallel()
	m := forest(300)
	picture := written(t, m, (*topology.Map).SVG)
	wellFormed(t, picture)
	boxes, w, h := m.Place()
	if len(boxes) < 302 {
		t.Fatalf("%d boxes; want one for each qube and its host", len(boxes))
	}
	for i, a := range boxes {
		if a.X < 0 || a.Y < 0 || a.X+a.W > w || a.Y+a.H > h {
			t.Errorf("%v is out of the picture of %v by %v", a, w, h)
		}
		for _, b := range boxes[:i] {
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Fatalf("%v overlaps %v", a.Lines, b.Lines)
			}
		}
	}
	for i := range m.Qubes[:150] {
		m.Qubes[i], m.Qubes[299-i] = m.Qubes[299-i], m.Qubes[i]
	}
	for name, write := range forms {
		if a, b := written(t, m, write), written(t, forest(300), write); !bytes.Equal(a, b) {
			t.Errorf("%s depends on the order of the qubes", name)
		}
	}
}

// wellFormed checks that a picture is XML of harmless elements only.
func wellFormed(tb testing.TB, picture []byte) {
	tb.Helper()
	d := xml.NewDecoder(bytes.NewReader(picture))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			tb.Fatalf("the picture is not well-formed: %v", err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if !strings.Contains(" svg title path rect g text ", " "+e.Name.Local+" ") {
			tb.Errorf("element %s", e.Name.Local)
		}
		for _, a := range e.Attr {
			if name := a.Name.Local; strings.HasPrefix(name, "on") || name == "style" || name == "href" {
				tb.Errorf("attribute %s", name)
			}
		}
	}
}

// TestMap_circle holds that qubes that are each other's netvm are shown, once.
func TestMap_circle(t *testing.T) {
	t.Parallel()
	m := &topology.Map{Host: "sys-log", Qubes: []topology.Qube{{Name: "a", Netvm: "b"}, {Name: "b", Netvm: "a"}, {Name: "c", Netvm: "a"}, {Name: "d", Netvm: "d"},
		{Name: "a", Netvm: "c"}, {Name: "sys-log", Netvm: "a"}}}
	got := string(written(t, m, forms["map.txt"]))
	want := "sys-log\n├─ a     ● -  -\n│  └─ c  ● -  -\n├─ b     ● -  -\n└─ d     ● -  -\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// FuzzMap writes Maps with any text in them.
func FuzzMap(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, name, other string) {
		m := &topology.Map{Host: other, Upstream: []string{name}, At: now, Qubes: []topology.Qube{
			{Name: name, Label: other, Netvm: other, Class: other, Checks: []string{name}, Mark: topology.Fail,
				Exit: topology.Exit{Kind: other, Protocol: name, Endpoint: other, External: []topology.External{{Method: name}}}},
			{Name: other, Label: name, Netvm: name}}}
		wellFormed(t, written(t, m, (*topology.Map).SVG))
		if b := written(t, m, (*topology.Map).JSON); !json.Valid(b) {
			t.Errorf("invalid JSON: %s", b)
		}
		for _, form := range []string{"map.txt", "table.txt", "map.mmd", "map.dot"} {
			for _, c := range written(t, m, forms[form]) {
				if c < ' ' && c != '\n' || c == 0x7f {
					t.Errorf("%s has the control character %#x", form, c)
				}
			}
		}
		if lines := strings.Count(string(written(t, m, (*topology.Map).DOT)), "\n"); lines > 4+2*4 {
			t.Errorf("DOT has %d lines", lines)
		}
	})
}

// TestMap_Center takes a Map of the whole laptop from one qube's point of view.
func TestMap_Center(t *testing.T) {
	t.Parallel()
	m := &topology.Map{Host: "sys-log", Qubes: []topology.Qube{{Name: "sys-net"}, {Name: "sys-firewall", Netvm: "sys-net"}, {Name: "sys-log", Netvm: "sys-firewall"},
		{Name: "work", Netvm: "sys-vpn"}, {Name: "sys-vpn", Netvm: "sys-log"}, {Name: "other", Netvm: "sys-firewall"}, {Name: "lost", Netvm: "gone"}}}
	m.Center()
	got := string(written(t, m, forms["map.txt"]))
	want := "sys-net ─ sys-firewall ─ sys-log\n└─ sys-vpn  ● -  -\n   └─ work  ● -  -\nnot behind sys-log: 2 qubes\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	circle := &topology.Map{Host: "a", Qubes: []topology.Qube{{Name: "a", Netvm: "b"}, {Name: "b", Netvm: "a"}, {Name: "c", Netvm: "c"}}}
	circle.Center() // ends
}
