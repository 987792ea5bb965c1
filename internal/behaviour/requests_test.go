package behaviour_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

// TestEngine_requests finds a client that opens hundreds of connections with one port in a minute,
// once, and not one that is slower, or whose connections are with several ports or known.
func TestEngine_requests(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		n      int64
		change func(i int64, o *behaviour.Observation)
		want   []string
	}{
		"scanner":          {400, func(int64, *behaviour.Observation) {}, []string{"scan/requests low"}},
		"on the LAN":       {400, func(_ int64, o *behaviour.Observation) { o.Place = behaviour.LAN }, []string{"lateral/to-lan low", "scan/requests medium"}},
		"no beginning":     {400, func(_ int64, o *behaviour.Observation) { o.Midstream = true }, []string{"scan/requests low"}},
		"few":              {249, func(int64, *behaviour.Observation) {}, nil},
		"slow":             {400, func(i int64, o *behaviour.Observation) { o.At += i * 3e8 }, nil},
		"several ports":    {400, func(i int64, o *behaviour.Observation) { o.Port += uint16(i % 2) }, nil},
		"datagrams":        {400, func(_ int64, o *behaviour.Observation) { o.Proto = 17 }, nil},
		"known":            {400, func(_ int64, o *behaviour.Observation) { o.Domain = "site1.example" }, nil},
		"clock back, slow": {400, func(i int64, o *behaviour.Observation) { o.At -= 2 * i * 3e8 }, nil},
	} {
		w := newWorld(func(c *behaviour.Config) { c.Off[behaviour.FirstSeen], c.Off[behaviour.OddPort] = true, true })
		at := w.work("work", rand.New(rand.NewPCG(1, 1)))
		for i := range tt.n {
			o := contact("work", "203.0.113.66:80", "", at+i*1e8)
			tt.change(i, o)
			w.connect(o)
		}
		if diff := cmp.Diff(tt.want, w.rules()); diff != "" {
			t.Errorf("%s: findings mismatch (-want +got):\n%s", name, diff)
		}
	}
}
