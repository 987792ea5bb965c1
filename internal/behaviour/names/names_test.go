package names_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
)

const start = int64(1_700_000_000e9)

// query returns a query of a name, whose registered domain are its last two labels.
func query(name string, at int64) *names.Query {
	labels := strings.Split(name, ".")
	return &names.Query{At: start + at*1e9, Name: name, Domain: strings.Join(labels[max(0, len(labels)-2):], "."), Suffix: len(labels) > 1, Type: 1}
}

// text returns n characters of an alphabet.
func text(rng *rand.Rand, alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[rng.IntN(len(alphabet))]
	}
	return string(b)
}

const base32 = "abcdefghijklmnopqrstuvwxyz234567"

// TestWindow_Add finds each shape of a tunnel, once, and nothing else.
func TestWindow_Add(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	for _, tt := range []struct {
		name string
		next func(i int) *names.Query
		n    int
		want names.Shape
	}{
		{"tunnel", func(i int) *names.Query { return query(text(rng, base32, 60)+".t.example", int64(i)) }, 40, names.Volume},
		{"idle tunnel", func(i int) *names.Query { return query(text(rng, base32, 24)+".t.example", int64(i*300)) }, 10, names.Slow},
		{"NULL records", func(i int) *names.Query {
			q := query(text(rng, base32, 6)+".t.example", int64(i))
			q.Type = 10
			return q
		}, 12, names.Types},
		{"one long name", func(int) *names.Query {
			return query(strings.Repeat(text(rng, base32, 50)+".", 3)+"t.example", 0)
		}, 1, names.Long},
		{"browsing", func(i int) *names.Query { return query(fmt.Sprintf("img%d.cdn.example", i%9), int64(i)) }, 500, names.NoShape},
		{"file hashes of a virus scanner", func(i int) *names.Query {
			return query(text(rng, base32, 50)+".sophosxl.net", int64(i))
		}, 100, names.NoShape},
		{"each for three types", func(i int) *names.Query {
			q := query(fmt.Sprintf("%s%02d.t.example", text(rand.New(rand.NewPCG(uint64(i/3), 1)), base32, 24), i/3), int64(i*10))
			q.Type = [...]uint16{1, 28, 65}[i%3]
			return q
		}, 40, names.Slow},
		{"hosts of a page, at once", func(int) *names.Query { return query(text(rng, base32, 24)+".cdn.example", 1) }, 9, names.NoShape},
		{"a list of addresses", func(i int) *names.Query {
			return query(fmt.Sprintf("%d.%d.2.192.bl.dnsbl.example", i%256, i/256), int64(i))
		}, 300, names.NoShape},
		{"numbers that carry data", func(i int) *names.Query {
			return query(fmt.Sprintf("%d.%d.2.192.%s.t.example", i%256, i/256, text(rng, base32, 30)), int64(i))
		}, 40, names.Volume},
		{"no addresses", func(i int) *names.Query {
			return query(fmt.Sprintf("%d.256.2.192.%s.t.example", i, text(rng, base32[:26], 10)), int64(i))
		}, 60, names.Volume},
		{"keys of senders", func(i int) *names.Query {
			return query(text(rng, base32, 30)+fmt.Sprintf("._domainkey.mail%d.example", i%9), int64(i))
		}, 8, names.NoShape},
		{"a tunnel of keys", func(i int) *names.Query { return query(text(rng, base32, 60)+"._domainkey.t.example", int64(i)) }, 40, names.Volume},
		{"addresses", func(i int) *names.Query { return query(fmt.Sprintf("%d.2.0.192.in-addr.arpa", i), int64(i)) }, 300, names.NoShape},
	} {
		t.Run(tt.name, func(t *testing.T) { // one after the other: they share the source of random numbers
			var w names.Window
			found := map[names.Shape]int{}
			for i := range tt.n {
				q := tt.next(i)
				if s := w.Add(q); s != names.NoShape {
					found[s]++
					if sc := w.Score(s); sc < 0.5 || sc > 1 {
						t.Errorf("score = %g; want at least 0.5", sc)
					}
				}
			}
			if tt.want != names.NoShape && found[tt.want] != 1 || tt.want == names.NoShape && len(found) != 0 {
				t.Errorf("found %v; want %q", found, tt.want)
			}
		})
	}
}

// TestWindow_span starts over after an hour.
func TestWindow_span(t *testing.T) {
	t.Parallel()
	var w names.Window
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		if s := w.Add(query(text(rng, base32, 60)+".t.example", int64(i*600))); s == names.Volume {
			t.Fatalf("volume after %d names, 6 an hour", i)
		}
	}
	if w.Names() > 7 {
		t.Errorf("%d names in an hour; want 6", w.Names())
	}
}

// TestWindow_Used says that the client connects to what it asks for if it does so for half of the names:
// one host below a domain does not excuse all that is sent in names.
func TestWindow_Used(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		connects func(i int) (to int, does bool) // after the query of a name, to which one
		want     bool
	}{
		{"to each", func(i int) (int, bool) { return i, true }, true},
		{"to each second", func(i int) (int, bool) { return i, i%2 == 0 }, true},
		{"to each third", func(i int) (int, bool) { return i, i%3 == 0 }, false},
		{"to one, often", func(int) (int, bool) { return 0, true }, false},
		{"to the one before", func(i int) (int, bool) { return i - 1, i > 0 }, true},
		{"to none", func(i int) (int, bool) { return 0, false }, false},
	} {
		var w names.Window
		for i := range 40 {
			w.Add(query(fmt.Sprintf("host%d.example.org", i), int64(i)))
			if to, does := tt.connects(i); does {
				w.Use(fmt.Sprintf("host%d.example.org", to), 0)
			}
		}
		if w.Used() != tt.want {
			t.Errorf("%s: Used = %v; want %v", tt.name, w.Used(), tt.want)
		}
	}
}

// TestDistinct_Count is right within its error.
func TestDistinct_Count(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 1))
	for _, n := range []int{10, 100, 1000, 100_000} {
		var d names.Distinct
		for range n {
			h := rng.Uint64()
			d.Add(h)
			d.Add(h)
		}
		if got := d.Count(); float64(got) < 0.75*float64(n) || float64(got) > 1.25*float64(n) {
			t.Errorf("Count = %d of %d values", got, n)
		}
	}
}

// TestOddity separates what people name from what programs do.
func TestOddity(t *testing.T) {
	t.Parallel()
	for label, odd := range map[string]bool{"wikipedia": false, "googleapis": false, "microsoftonline": false, "doubleclick": false,
		"xkjqzvwpfh": true, "qzxv7kkwjq": true, "wqpzkkjxxvh": true} {
		bits, ok := names.Oddity(label)
		if !ok || bits > names.OddLabel != odd {
			t.Errorf("Oddity(%q) = %.2f, %v; want odd = %v", label, bits, ok, odd)
		}
	}
	for _, label := range []string{"short", "xn--bcher-kva"} {
		if _, ok := names.Oddity(label); ok {
			t.Errorf("%q is judged", label)
		}
	}
}

// TestGenerated_Add finds domains that a program has generated, and does not take
// browsing for it.
func TestGenerated_Add(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 1))
	generated := func() string { return text(rng, "qxzjkvwpfh", 12) + ".example" }
	for _, tt := range []struct {
		name string
		next func(i int) *names.Query
		want bool
	}{
		{"odd ones in minutes", func(i int) *names.Query { return query(generated(), int64(i)) }, true},
		{"given out by a provider", func(i int) *names.Query {
			q := query(generated(), int64(i))
			q.Given = true
			return q
		}, false},
		{"unknown ones", func(i int) *names.Query {
			q := query(fmt.Sprintf("pleasantwords%d.example", i), int64(i))
			q.Response, q.NXDomain = true, true
			return q
		}, true},
		{"hosts below domains that are blocked", func(i int) *names.Query {
			q := query(fmt.Sprintf("pixel.pleasantwords%d.example", i), int64(i))
			q.Response, q.NXDomain = true, true
			return q
		}, false},
		{"one odd name, often", func(i int) *names.Query { return query("qxzjkvwpfhqx.example", int64(i)) }, false},
		{"browsing", func(i int) *names.Query {
			return query([]string{"wikipedia.example", "weather.example", "newspaper.example", "library.example"}[i%4], int64(i))
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) { // one after the other: they share the source of random numbers
			var g names.Generated
			found := 0
			for i := range 200 {
				if _, _, is := g.Add(tt.next(i)); is {
					found++
				}
			}
			if tt.want && found != 1 || !tt.want && found != 0 {
				t.Errorf("found %d times; want once = %v", found, tt.want)
			}
		})
	}
}

// TestSizes keeps what a domain and a qube take small.
func TestSizes(t *testing.T) {
	t.Parallel()
	if w, g := unsafe.Sizeof(names.Window{}), unsafe.Sizeof(names.Generated{}); w > 512 || g > 3<<10 {
		t.Errorf("a window takes %d bytes and a qube %d; want at most 512 and 3072", w, g)
	}
}

// FuzzWindow takes any name.
func FuzzWindow(f *testing.F) {
	f.Add("a.b.example", "b.example", uint16(16), int64(5), true, 512)
	f.Fuzz(func(t *testing.T, name, domain string, kind uint16, at int64, response bool, bytes int) {
		var w names.Window
		var g names.Generated
		q := names.Query{At: at, Name: name, Domain: domain, Suffix: true, Type: kind, Response: response, NXDomain: response, Bytes: bytes}
		for range 40 {
			s := w.Add(&q)
			g.Add(&q)
			if v := w.Score(s); v < 0 || v > 1 || w.Entropy() < 0 || w.Names() < 0 || s.String() == "" != (s == names.NoShape) {
				t.Fatalf("shape %v, score %g", s, v)
			}
			q.At += 1e9
		}
	})
}

// BenchmarkWindow is what a query costs.
func BenchmarkWindow(b *testing.B) {
	b.ReportAllocs()
	var w names.Window
	var g names.Generated
	q := query("www.wikipedia.example", 0)
	for b.Loop() {
		q.At += 1e6
		w.Add(q)
		g.Add(q)
	}
}
