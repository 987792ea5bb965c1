package behaviour_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

// TestEngine_logins finds connections as of those who guess passwords, and not those of
// programs that do something else.
func TestEngine_logins(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		n      int64
		change func(i int64, o *behaviour.Observation)
		want   string
	}{
		"ssh":          {20, func(int64, *behaviour.Observation) {}, "lateral/logins medium"},
		"another port": {20, func(_ int64, o *behaviour.Observation) { o.Port = 902 }, "lateral/logins low"},
		"ftp":          {20, func(_ int64, o *behaviour.Observation) { o.Port = 21 }, "lateral/logins low"},
		"mail":         {20, func(_ int64, o *behaviour.Observation) { o.Port = 143 }, "lateral/logins low"},
		"mail, in TLS": {20, func(_ int64, o *behaviour.Observation) { o.Port = 465 }, "lateral/logins low"},
		"one to three tries": {40, func(i int64, o *behaviour.Observation) {
			o.Up = []uint64{2000, 2600, 2100, 2000, 2900, 2700}[i%6]
		}, "lateral/logins medium"},
		"few":             {19, func(int64, *behaviour.Observation) {}, ""},
		"the web":         {40, func(_ int64, o *behaviour.Observation) { o.Port = 443 }, ""},
		"sizes differ":    {40, func(i int64, o *behaviour.Observation) { o.Up = uint64(2000 + i*i*1000%9000) }, ""},
		"answers differ":  {40, func(i int64, o *behaviour.Observation) { o.Down = uint64(1000 + i*i*1000%7000) }, ""},
		"much comes back": {40, func(_ int64, o *behaviour.Observation) { o.Down = 10_000 }, ""},
		"sessions":        {40, func(_ int64, o *behaviour.Observation) { o.Duration = 61e9 }, ""},
		"slow":            {40, func(i int64, o *behaviour.Observation) { o.At += i * 15e9 }, ""},
		"not answered":    {40, func(_ int64, o *behaviour.Observation) { o.DownPackets = 4 }, ""},
		"several hosts": {40, func(i int64, o *behaviour.Observation) {
			o.Addr = contact("", "203.0.113.1:1", "", 0).Addr
			o.Port += uint16(i)
		}, ""},
		"known": {40, func(_ int64, o *behaviour.Observation) { o.Domain = "site1.example" }, ""},
	} {
		w := newWorld(nil)
		at := w.work("work", rand.New(rand.NewPCG(1, 1)))
		w.findings = nil
		for i := range tt.n {
			o := traffic("203.0.113.66:22", "", at+i*2e9)
			o.Up = uint64(2000 + i%3*50)
			tt.change(i, o)
			w.Observe(o)
		}
		if found := slices.Contains(w.rules(), tt.want); found != (tt.want != "") || tt.want == "" && len(w.findings) > 0 {
			t.Errorf("%s: found %v; want %q", name, w.rules(), tt.want)
		}
	}
}
