package names_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
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
		{"a list of IPv6 addresses", func(i int) *names.Query {
			return query(strings.Join(strings.Split("2001"+text(rng, "0123456789abcdef", 28), ""), ".")+".bl.dnsbl.example", int64(i))
		}, 300, names.NoShape},
		{"a list of domains", func(i int) *names.Query { return query(text(rng, base32, 30)+".com.rhsbl.zapbl.net", int64(i)) }, 300, names.NoShape},
		{"digits that are no address", func(i int) *names.Query {
			return query(strings.Join(strings.Split(text(rng, "0123456789abcdef", 31), ""), ".")+".t.example", int64(i))
		}, 40, names.Volume},
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
		{"data instead of an address", func(i int) *names.Query {
			q := query(text(rng, base32, 60)+".9.168.31.in-addr.arpa", int64(i))
			q.Domain = names.Zone(q.Name, q.Domain, true)
			return q
		}, 40, names.Volume},
		{"services of a network", func(i int) *names.Query {
			return query(fmt.Sprintf("b._dns-sd._udp.%d.2.0.192.in-addr.arpa", i), int64(i))
		}, 300, names.NoShape},
		{"names of a network", func(i int) *names.Query { return query(text(rng, base32, 60)+".t.local", int64(i)) }, 40, names.NoShape},
		{"the same at a server of the world", func(i int) *names.Query {
			q := query(text(rng, base32, 60)+".t.local", int64(i))
			q.World = true
			return q
		}, 40, names.Volume},
		{"services of I2P at a server of the world", func(int) *names.Query {
			q := query(text(rng, base32, 52)+".b32.i2p", 0)
			q.Domain, q.Suffix, q.World = names.Zone(q.Name, "b32.i2p", false), false, true
			return q
		}, 3, names.NoShape},
		{"a long name below I2P", func(int) *names.Query {
			q := query(strings.Repeat(text(rng, base32, 50)+".", 3)+"b32.i2p", 0)
			q.Domain, q.Suffix, q.World = names.Zone(q.Name, "b32.i2p", false), false, true
			return q
		}, 1, names.Long},
		{"more of them, with answers", func(i int) *names.Query {
			q := query(text(rng, base32, 52)+".b32.i2p", int64(i))
			q.Domain, q.Suffix, q.World = names.Zone(q.Name, "b32.i2p", false), false, true
			return q
		}, 40, names.Volume},
		{"a long name below another label", func(int) *names.Query {
			q := query(text(rng, base32, 52)+".b32.i3p", 0)
			q.Domain, q.Suffix, q.World = names.Zone(q.Name, "b32.i3p", false), false, true
			return q
		}, 1, names.Long},
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

// TestWindow_Nowhere makes less of names that do not exist: a laptop that is not in its network asks for its
// servers, and a resolver of the world for those of a network. The server of a tunnel answers.
func TestWindow_Nowhere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		names   int
		exists  bool
		local   bool
		want    []names.Shape
		nowhere bool
	}{
		{"none exists", 40, false, false, []names.Shape{names.Slow}, true},
		{"none of many exists", 140, false, false, []names.Shape{names.Slow, names.Volume}, true},
		{"all exist", 40, true, false, []names.Shape{names.Slow, names.Volume}, false},
		{"of a network", 110, false, true, nil, true},
		{"too many of a network", 140, false, true, []names.Shape{names.Volume}, true},
	} {
		var w names.Window
		rng := rand.New(rand.NewPCG(1, 4))
		var got []names.Shape
		for i := range tt.names {
			end := map[bool]string{false: ".corp.example", true: ".corp.lan"}[tt.local]
			q := query("server-"+text(rng, base32, 24)+end, int64(i*10))
			q.World = true
			if s := w.Add(q); s != names.NoShape {
				got = append(got, s)
			}
			q.Response, q.NXDomain = true, !tt.exists
			w.Add(q)
		}
		if !slices.Equal(got, tt.want) || w.Nowhere() != tt.nowhere {
			t.Errorf("%s: shapes %v, nowhere %v; want %v", tt.name, got, w.Nowhere(), tt.want)
		}
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

// given returns a query of a name at a provider that gives out names below its domain.
func given(name string) *names.Query {
	q := query(name, 0)
	q.Domain, q.Given = name, true
	return q
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
		{"chosen at a provider of dynamic names", func(i int) *names.Query { return given(text(rng, "qxzjkvwpfh", 12) + ".duckdns.org") }, true},
		{"below a domain of one", func(i int) *names.Query {
			return query(text(rng, "qxzjkvwpfh", 12)+".mooo.com", int64(i))
		}, true},
		{"a few of one's own", func(i int) *names.Query {
			return given([]string{"millers-nas.duckdns.org", "ourcamera.ddns.net", "bobs-server.hopto.org"}[i%3])
		}, false},
		{"services of Tor", func(i int) *names.Query {
			q := query(text(rng, base32, 56)+".onion", int64(i))
			q.Response, q.NXDomain = i%2 == 1, i%2 == 1
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
		{"odd ones that do not exist, among many", func(i int) *names.Query {
			if i%24 > 1 {
				return query(fmt.Sprintf("www.pleasantwords%d.example", i), int64(i))
			}
			q := query(text(rand.New(rand.NewPCG(uint64(i/24), 1)), "qxzjkvwpfh", 12)+".example", int64(i))
			q.Response = i%2 == 1
			q.NXDomain = q.Response
			return q
		}, true},
		{"odd ones that exist, among many", func(i int) *names.Query {
			if i%24 > 1 {
				return query(fmt.Sprintf("www.pleasantwords%d.example", i), int64(i))
			}
			q := query(text(rand.New(rand.NewPCG(uint64(i/24), 1)), "qxzjkvwpfh", 12)+".example", int64(i))
			q.Response = i%2 == 1
			return q
		}, false},
		{"that do not exist below no suffix", func(int) *names.Query {
			q := query(text(rng, "qxzjkvwpfh", 12)+".bazar", 0)
			q.Suffix, q.Response, q.NXDomain = false, true, true
			return q
		}, true},
		{"that exist below no suffix", func(int) *names.Query {
			q := query(text(rng, "qxzjkvwpfh", 12)+".corp", 0)
			q.Suffix, q.Response = false, true
			return q
		}, false},
		{"words below no suffix", func(i int) *names.Query {
			q := query(fmt.Sprintf("fileserver%d.corp", i), 0)
			q.Suffix, q.Response, q.NXDomain = false, true, true
			return q
		}, false},
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

// TestGenerated_weak reports domains that do not exist, and no other sign, and once more when others come.
func TestGenerated_weak(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 2))
	var g names.Generated
	var weak []bool
	for i := range 80 {
		name := fmt.Sprintf("pleasantwords%d.example", i)
		if i >= 40 {
			name = text(rng, "qxzjkvwpfh", 12) + ".example"
		}
		for range 2 {
			q := query(name, int64(i))
			q.Response, q.NXDomain = true, true
			if s, _, found := g.Add(q); found {
				weak = append(weak, s.Weak())
			}
			q.Response = false
			if s, _, found := g.Add(q); found {
				weak = append(weak, s.Weak())
			}
		}
	}
	if !slices.Equal(weak, []bool{true, false}) {
		t.Errorf("reports that are weak: %v; want one, and one that is not", weak)
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
