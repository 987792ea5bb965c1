package packets

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
)

// TestHolders_at names who is behind an interface. A qube that is not known is waited for
// before it is left out.
func TestHolders_at(t *testing.T) {
	t.Parallel()
	only := []config.Selector{{Qubes: []string{"work"}}}
	for _, tt := range []struct {
		name            string
		iface           uint32
		include         []config.Selector
		hold, age       time.Duration
		vif, qube       string
		known, excluded bool
	}{
		{"qube", 7, nil, time.Second, 0, "vif7.0", "work", true, false},
		{"included", 7, only, time.Second, 0, "vif7.0", "work", true, false},
		{"excluded", 8, nil, time.Second, 0, "vif8.0", "anon", true, true},
		{"unknown", 9, nil, time.Second, time.Hour, "vif9.0", "", false, false},
		{"unknown, not for long", 9, only, time.Minute, time.Second, "vif9.0", "", false, false},
		{"unknown for too long", 9, only, time.Minute, time.Hour, "vif9.0", "", false, true},
		{"no name can come", 9, nil, 0, 0, "vif9.0", "", true, false},
		{"no name can come, not included", 9, only, 0, 0, "vif9.0", "", true, true},
		{"this machine", 2, nil, time.Second, 0, "eth0", "", true, false},
		{"this machine, not included", 2, only, time.Second, 0, "eth0", "", true, true},
		{"interface without a name", 3, only, time.Second, 0, "", "", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *Config) { c.Include, c.Hold = tt.include, tt.hold })
			h, known := w.holders.at(tt.iface, time.Now().Add(-tt.age))
			if h.Vif != tt.vif || h.Name != tt.qube || known != tt.known || h.Excluded != tt.excluded {
				t.Errorf("at = %+v, %v; want %s, %q, known %v, excluded %v", h, known, tt.vif, tt.qube, tt.known, tt.excluded)
			}
		})
	}
}

// TestHolders_wants wants the packets of all but an excluded qube, also while it is not known
// whose they are.
func TestHolders_wants(t *testing.T) {
	t.Parallel()
	only := []config.Selector{{Qubes: []string{"work"}}}
	for _, tt := range []struct {
		name    string
		iface   uint32
		include []config.Selector
		want    bool
	}{
		{"qube", 7, nil, true},
		{"excluded", 8, nil, false},
		{"not included", 8, only, false},
		{"unknown", 9, only, true},
		{"this machine", 2, nil, true},
		{"this machine, not included", 2, only, false},
		{"interface without a name", 3, only, true},
	} {
		w := newWorld(t, func(c *Config) { c.Include = tt.include })
		if got := w.holders.wants(tt.iface, time.Now()); got != tt.want {
			t.Errorf("%s: wants = %v; want %v", tt.name, got, tt.want)
		}
	}
}

// TestHolders_limits are those of the first quota that fits, also after the qube has left
// the inventory.
func TestHolders_limits(t *testing.T) {
	t.Parallel()
	no := false
	w := newWorld(t, func(c *Config) {
		c.Quotas = []config.PacketQuota{{Labels: []string{"blue"}, Quota: 100, Reserve: 10, Weight: 2, FlowLimit: 7, Payload: &no}, {Quota: 200}}
	})
	w.holders.at(7, time.Now())
	w.holders.qubes.Update(nil, time.Now())
	if l := w.holders.limits("work"); l.Quota != 100 || l.Reserve != 10 || l.Weight != 2 || l.FlowLimit != 7 || !l.HeadersOnly || l.Forget {
		t.Errorf("limits of work = %+v; want those of blue qubes", l)
	}
	if l := w.holders.limits("other"); l.Quota != 200 || l.HeadersOnly {
		t.Errorf("limits of other = %+v; want those of all", l)
	}
}

// TestHolders_forget forgets a disposable an hour after it has gone, and no other qube.
func TestHolders_forget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := map[uint32]string{7: "vif7.0", 10: "vif10.0"}
		w := newWorld(t, func(c *Config) { c.ForgetDisposables = config.Duration(time.Hour) })
		h := &w.holders
		h.name = func(i uint32) string { return names[i] }
		want := func(when string, want map[string]bool) {
			t.Helper()
			for name, forget := range want {
				if got := h.limits(name).Forget; got != forget {
					t.Errorf("%s: %s is forgotten: %v; want %v", when, name, got, forget)
				}
			}
		}
		h.at(10, time.Now())
		h.at(7, time.Now())
		want("at the start", map[string]bool{"disp1234": false, "work": false, "disp99": false, "disposer": false})
		time.Sleep(2 * time.Hour)
		want("while it is there", map[string]bool{"disp1234": false, "work": false, "disp99": true, "disp": false, "disposer": false, "disp9a": false})
		h.gone(10)
		h.gone(7)
		time.Sleep(59 * time.Minute)
		h.qubes.Update(nil, time.Now())
		want("59 minutes after", map[string]bool{"disp1234": false, "work": false})
		time.Sleep(time.Minute)
		want("an hour after", map[string]bool{"disp1234": true, "work": false})
		h.conf.Load().ForgetDisposables = 0
		want("turned off", map[string]bool{"disp1234": false, "disp99": false})
	})
}

// TestHolders_bound remembers a bounded number of qubes, those that are there first.
func TestHolders_bound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	h := &w.holders
	work := h.qubes.ByName("work")
	h.note(work, "vif7.0")
	for i := range maxSeen + 50 {
		q := *work
		q.Name = string(rune('a'+i%26)) + time.Duration(i).String()
		h.note(&q, "vif8.0")
		h.seen[q.Name].gone = time.Unix(int64(i), 0)
	}
	if len(h.seen) > maxSeen || h.seen["work"] == nil {
		t.Errorf("%d qubes are remembered, work among them: %v; want at most %d, and work", len(h.seen), h.seen["work"] != nil, maxSeen)
	}
}

// TestHolders_vague warns once if the inventory cannot say who is behind a vif.
func TestHolders_vague(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.holders.qubes = indexOf(t, "#fields NAME|IP\nwork|10.137.0.7\n")
	for range 3 {
		if h, known := w.holders.at(7, time.Now()); known || h.Name != "" {
			t.Errorf("at = %+v, %v; want no name", h, known)
		}
	}
	if n := len(w.log.String()); n == 0 || n > 400 {
		t.Errorf("log = %s; want one warning", w.log)
	}
}
