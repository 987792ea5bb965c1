package names_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
)

// TestWindow_excuse has connections and private addresses excuse names that are few and short, and reports
// a volume once more when they do not any longer.
func TestWindow_excuse(t *testing.T) {
	t.Parallel()
	private, public := netip.MustParseAddr("10.20.1.9"), netip.MustParseAddr("198.51.100.7")
	for _, tt := range []struct {
		name       string
		size, n    int
		answer     netip.Addr
		connects   bool
		want       []names.Shape
		used, near bool
		mixed      bool // a third of the answers are public
	}{
		{"hosts of advertisements", 32, 60, public, true, []names.Shape{names.Slow, names.Volume}, true, false, false},
		{"no connections", 32, 200, public, false, []names.Shape{names.Slow, names.Volume}, false, false, false},
		{"too much", 32, 200, public, true, []names.Shape{names.Slow, names.Volume, names.Volume}, false, false, false},
		{"labels that are too long", 50, 60, public, true, []names.Shape{names.Slow, names.Volume}, false, false, false},
		{"neighbours", 32, 20, private, false, nil, false, true, false},
		{"neighbours, and others", 32, 20, private, false, []names.Shape{names.Slow}, false, false, true},
		{"many neighbours", 32, 60, private, false, []names.Shape{names.Volume}, false, true, false},
		{"too many neighbours", 32, 200, private, false, []names.Shape{names.Volume, names.Volume}, false, false, false},
	} {
		var w names.Window
		rng := rand.New(rand.NewPCG(4, 1))
		var got []names.Shape
		for i := range tt.n {
			q := query(text(rng, base32, tt.size)+".cdn.example", int64(i))
			if s := w.Add(q); s != names.NoShape {
				got = append(got, s)
			}
			q.Response, q.Addrs = true, []netip.Addr{tt.answer}
			if i%3 == 0 && tt.mixed {
				q.Addrs[0] = public
			}
			w.Add(q)
			if tt.connects {
				w.Use(q.Name, 0)
			}
		}
		if !slices.Equal(got, tt.want) || w.Used() != tt.used || w.Near() != tt.near {
			t.Errorf("%s: shapes %v, used %v, near %v; want %v, %v, %v", tt.name, got, w.Used(), w.Near(), tt.want, tt.used, tt.near)
		}
	}
}

// TestWindow_own takes no names of a network for data, unless a server of the world is asked for them.
func TestWindow_own(t *testing.T) {
	t.Parallel()
	for _, end := range []string{".home.arpa", ".corp", ".intra", ".intranet", ".internal", ".private", ".priv", ".lan", ".home", ".local"} {
		for _, world := range []bool{false, true} {
			var w names.Window
			rng := rand.New(rand.NewPCG(4, 2))
			found := false
			for i := range 40 {
				q := query(text(rng, base32, 36)+".site.company"+end, int64(i))
				q.Domain, q.Suffix, q.World = names.Zone(q.Name, "", false), false, world
				found = w.Add(q) != names.NoShape || found
			}
			if found != world {
				t.Errorf("below %s at a server of the world = %v: found = %v", end, world, found)
			}
		}
	}
}

// TestWindow_Up does not count what all names have in common before their domain.
func TestWindow_Up(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		subs []string
		want int
	}{
		{"a site", []string{"mail.berlin", "dc01.berlin", "fs.berlin"}, 10},
		{"two labels", []string{"a.eu.svc", "b.eu.svc", "x.c.eu.svc"}, 4},
		{"one of two labels", []string{"a.eu.svc", "b.us.svc"}, 6},
		{"sites", []string{"mail.berlin", "mail.paris"}, 19},
		{"the site itself", []string{"mail.berlin", "berlin"}, 16},
		{"the same host", []string{"data", "data2"}, 9},
		{"another order", []string{"berlin.x", "x.berlin"}, 14},
	} {
		var w names.Window
		for i, sub := range tt.subs {
			w.Add(query(sub+".company.example", int64(i)))
		}
		if w.Up() != tt.want {
			t.Errorf("%s: Up = %d; want %d", tt.name, w.Up(), tt.want)
		}
	}
}
