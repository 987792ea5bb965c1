package netmap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// small is the map of the documents.
func small() *Map {
	now := time.Unix(1_700_000_000, 0).UTC()
	return &Map{Root: "sys-log", Above: []string{"sys-net", "sys-firewall"}, At: now, Qubes: []Qube{
		{Name: "work", Label: "blue", IP: "10.137.0.6", NetVM: "sys-log", Running: true, Exit: "clear", Seen: true, State: Passed, External: "198.51.100.43", How: "claim", At: now.Add(-2 * time.Hour)},
		{Name: "sys-vpn", Label: "green", IP: "10.137.0.20", NetVM: "sys-log", Running: true, Exit: "vpn", Endpoint: "203.0.113.9:51820/udp", Seen: true, State: Failed, Why: "IPv6 beside the tunnel"},
		{Name: "banking", Label: "green", IP: "10.137.0.22", NetVM: "sys-vpn", Running: true},
		{Name: "sys-whonix", Label: "black", IP: "10.137.0.21", NetVM: "sys-log", Running: true, Exit: "tor", State: Unknown},
	}}
}

// TestMap_Text shows the tree.
func TestMap_Text(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := small().Text(&b, nil); err != nil {
		t.Fatal(err)
	}
	want := `sys-net ─ sys-firewall ─ sys-log
├─ sys-vpn                ✗  green     10.137.0.20      ══ 203.0.113.9:51820/udp ══▶  IPv6 beside the tunnel
│  └─ banking             ·  green     10.137.0.22
├─ sys-whonix             ?  black     10.137.0.21      ══ Tor ══▶
└─ work                   ✓  blue      10.137.0.6       clear  198.51.100.43  (claim, 2 h)
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("Text mismatch (-want +got):\n%s", diff)
	}
}

// TestMap_Table has a row for each qube.
func TestMap_Table(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := small().Table(&b); err != nil {
		t.Fatal(err)
	}
	want := `VM          INTERNAL IP  NETVM    EXIT                   EXTERNAL IP    HOW KNOWN  AGE  VERDICT
sys-vpn     10.137.0.20  sys-log  203.0.113.9:51820/udp  -              -          -    fail
banking     10.137.0.22  sys-vpn  -                      -              -          -    -
sys-whonix  10.137.0.21  sys-log  Tor                    -              -          -    unknown
work        10.137.0.6   sys-log  clear                  198.51.100.43  claim      2 h  pass
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("Table mismatch (-want +got):\n%s", diff)
	}
}

// large is a forest of 300 qubes with hostile names, some of them in a cycle.
func large() *Map {
	m := &Map{Root: `sys-log"><script>alert(1)</script>`, Above: []string{"sys-net\x1b[31m"}}
	for i := range 300 {
		q := Qube{Name: fmt.Sprintf("q%03d<&\"'\x00]]>--%c", i, rune(0x202e)), NetVM: "sys-log", IP: "10.137.1.1", Label: "red", Running: i%2 == 0, State: []State{None, Passed, Failed, Unknown}[i%4]}
		if i > 10 {
			q.NetVM = m.Qubes[(i*7)%(i-1)].Name
		}
		if i < 10 {
			q.Exit, q.Endpoint = []string{"vpn", "clear", "tor", "anon"}[i%4], fmt.Sprintf("203.0.113.%d:1/udp", i)
		}
		m.Qubes = append(m.Qubes, q)
	}
	m.Qubes[0].NetVM, m.Qubes[1].NetVM = m.Qubes[1].Name, m.Qubes[0].Name
	return m
}

// TestMap_SVG is well-formed, has no script, and is the same twice.
func TestMap_SVG(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func() *Map{"small": small, "large": large, "empty": func() *Map { return &Map{Root: "sys-log"} }} {
		var a, b bytes.Buffer
		if err := errors.Join(make().SVG(&a), make().SVG(&b)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("%s: the picture differs from one time to the next", name)
		}
		elements := map[string]int{}
		d := xml.NewDecoder(&a)
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if e, ok := token.(xml.StartElement); ok {
				elements[e.Name.Local]++
				for _, attr := range e.Attr {
					if strings.HasPrefix(attr.Name.Local, "on") || attr.Name.Local == "href" {
						t.Errorf("%s: <%s> has %s", name, e.Name.Local, attr.Name.Local)
					}
				}
			}
		}
		for _, bad := range []string{"script", "image", "foreignObject", "style", "a"} {
			if elements[bad] > 0 {
				t.Errorf("%s: the picture has <%s>", name, bad)
			}
		}
		if want := len(make().Qubes) + 1; elements["g"] < want {
			t.Errorf("%s: %d boxes; want %d", name, elements["g"], want)
		}
	}
}

// TestMap_layout lets no two boxes overlap, and shows each qube once.
func TestMap_layout(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*Map{"small": small(), "large": large()} {
		d := m.layout()
		all := []box{d.root}
		for i := range d.qubes {
			all = append(all, d.qubes[i].box)
		}
		for i := range d.exits {
			all = append(all, d.exits[i].box)
		}
		for i, a := range all {
			if a.x < 0 || a.y < 0 || a.x+a.w > d.width || a.y+a.h > d.height {
				t.Errorf("%s: box %v is outside of %d x %d", name, a, d.width, d.height)
			}
			for _, b := range all[i+1:] {
				if a.overlaps(b) {
					t.Fatalf("%s: boxes %v and %v overlap", name, a, b)
				}
			}
		}
		if len(d.qubes) != len(m.Qubes) {
			t.Errorf("%s: %d qubes are placed of %d", name, len(d.qubes), len(m.Qubes))
		}
	}
}

// TestMap_graphs writes languages in which no name is read as anything else.
func TestMap_graphs(t *testing.T) {
	t.Parallel()
	var mermaid, dot, table, text bytes.Buffer
	m := large()
	if err := errors.Join(m.Mermaid(&mermaid), m.DOT(&dot), m.Table(&table), m.Text(&text, nil), m.JSON(io.Discard)); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*bytes.Buffer{"mermaid": &mermaid, "dot": &dot, "table": &table, "text": &text} {
		if bytes.ContainsAny(b.Bytes(), "\x00\x1b\u202e") || name == "mermaid" && bytes.Contains(b.Bytes(), []byte("<script")) {
			t.Errorf("%s has what a name should not be able to write", name)
		}
	}
	if n := strings.Count(dot.String(), "label=\""); n < 301 {
		t.Errorf("DOT has %d nodes; want 301 and the exits", n)
	}
}

// FuzzMap_SVG is well-formed whatever a qube is called.
func FuzzMap_SVG(f *testing.F) {
	f.Add("a\"<", "\x00]]>")
	f.Fuzz(func(t *testing.T, name, why string) {
		var b bytes.Buffer
		m := &Map{Root: name, Qubes: []Qube{{Name: name, Why: why, Exit: "vpn", Endpoint: why}}}
		if err := m.SVG(&b); err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(&b)
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatal(err)
			}
		}
	})
}
