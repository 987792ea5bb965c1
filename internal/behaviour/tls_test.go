package behaviour_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

const systemClient, otherClient = "t12d1909h2_d83cc789557e_7af1ed941c26", "t10i120400_9a86275ec70d_368bf2d64253"

// hello returns a connection with what its client has said first.
func hello(to, name string, at int64, serverName, ja4 string) *behaviour.Observation {
	o := traffic(to, name, at)
	o.TLS = &behaviour.TLS{ServerName: serverName, Domain: serverName, JA4: ja4}
	return o
}

// TestEngine_tls reports what is odd about clients of TLS, of a qube whose queries have been seen for
// two hours, and nothing about what is usual.
func TestEngine_tls(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		o      *behaviour.Observation
		change func(o *behaviour.Observation)
		want   []string
	}{
		"usual":             {o: hello("203.0.113.66:443", "new.example", 0, "new.example", systemClient)},
		"no name":           {hello("203.0.113.66:443", "", 0, "", systemClient), func(o *behaviour.Observation) { o.Unresolved = true }, []string{"tls-odd/no-sni low"}},
		"no name, port":     {hello("203.0.113.66:4782", "", 0, "", systemClient), nil, []string{"tls-odd/no-sni low"}},
		"no name, mail":     {hello("203.0.113.66:993", "", 0, "", otherClient), nil, []string{"first-seen/ja4 low"}},
		"no name, resolved": {o: hello("203.0.113.66:443", "new.example", 0, "", systemClient)},
		"no name, known":    {o: hello("203.0.113.66:443", "", 0, "", systemClient)},
		"no name, new":      {hello("203.0.113.66:443", "", 0, "", otherClient), nil, []string{"first-seen/ja4 low", "tls-odd/no-sni medium"}},
		"generated":         {hello("203.0.113.66:443", "", 0, "qzxv7kkwjqxp.example", systemClient), nil, []string{"tls-odd/odd-sni low"}},
		"given":             {hello("203.0.113.66:443", "", 0, "qzxv7kkwjqxp.example", systemClient), func(o *behaviour.Observation) { o.TLS.Given = true }, nil},
		"mismatch":          {hello("203.0.113.66:443", "new.example", 0, "other.example", systemClient), nil, []string{"tls-odd/sni-mismatch medium"}},
		"mismatch, asked":   {o: hello("203.0.113.66:443", "new.example", 0, "asked50.example", systemClient)},
		"mismatch, ECH":     {hello("203.0.113.66:443", "new.example", 0, "other.example", systemClient), func(o *behaviour.Observation) { o.TLS.ECH = true }, nil},
		"unresolved":        {hello("203.0.113.66:443", "", 0, "other.example", systemClient), func(o *behaviour.Observation) { o.Unresolved = true }, []string{"tls-odd/sni-unresolved low"}},
		"port":              {hello("203.0.113.66:4782", "new.example", 0, "new.example", systemClient), nil, []string{"tls-odd/port low"}},
		"known destination": {o: hello("203.0.113.66:4782", "site1.example", 0, "", systemClient)},
	} {
		w := newWorld(nil)
		at := w.work("work", rand.New(rand.NewPCG(1, 1)))
		for i := range int64(100) {
			w.Observe(hello("192.0.2.1:443", "site1.example", start+hour+i*600e9, "site1.example", systemClient))
		}
		for i := range int64(100) {
			w.Observe(asked(fmt.Sprintf("asked%d.example", i), fmt.Sprintf("asked%d.example", i), at-2*hour+i*60e9))
		}
		w.findings = nil
		tt.o.At = at
		if tt.change != nil {
			tt.change(tt.o)
		}
		w.Observe(tt.o)
		w.Observe(tt.o)
		if diff := cmp.Diff(tt.want, w.rules()); diff != "" {
			t.Errorf("%s: findings mismatch (-want +got):\n%s", name, diff)
		}
	}
}

// TestEngine_tls_unnamed reports a program that names no server once, however many it talks to.
func TestEngine_tls_unnamed(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	for i := range int64(200) {
		w.Observe(hello(fmt.Sprintf("203.0.%d.66:443", i), "", start+i*60e9, "", otherClient))
	}
	w.Observe(hello("203.0.113.66:443", "", start+4*hour, "", systemClient))
	if diff := cmp.Diff([]string{"tls-odd/no-sni low", "tls-odd/no-sni low"}, w.rules()); diff != "" {
		t.Errorf("findings mismatch (-want +got):\n%s", diff)
	}
}
