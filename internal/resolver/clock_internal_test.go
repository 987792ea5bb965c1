package resolver

import (
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsserver"
)

// TestResolver_clock holds that a clock that is set neither keeps an answer
// beyond its time, nor a failure, nor silences a client.
func TestResolver_clock(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	now := begin
	s, cached, _ := ready(t, nil, func() time.Time { return now })
	s.conf.Limits.Rate, s.conf.Limits.Burst = 10, 10
	ask := func(d time.Duration) (dnsevent.Action, bool) {
		now = begin.Add(d)
		r := &request{Arrival: dnsserver.Arrival{From: netip.MustParseAddrPort("10.137.0.9:4000"), At: now.UnixNano()}}
		_, done := s.decide(r, cached, make([]byte, 0, dnsserver.ReplyRoom))
		return r.out.Action, done
	}
	for _, tt := range []struct {
		name string
		at   time.Duration
		hit  bool
	}{
		{"at once", 0, true}, {"within its time", 59 * time.Minute, true}, {"resumed from suspend", 8 * time.Hour, false},
		{"set back an hour", -time.Hour, false}, {"set back a year", -8760 * time.Hour, false}, {"right again, expired", 61 * time.Minute, false},
	} {
		action, done := ask(tt.at)
		if hit := done && action == dnsevent.Cached; hit != tt.hit {
			t.Errorf("%s: cached %v (%v); want %v", tt.name, hit, action, tt.hit)
		}
	}
	// A client that has used up its rate is heard again when the clock has been set
	// back by a day, and not a day later.
	for range 50 {
		_, _ = ask(0)
	}
	if action, _ := ask(0); action != dnsevent.Dropped {
		t.Fatalf("the rate does not hold: %v", action)
	}
	if action, _ := ask(-24 * time.Hour); action == dnsevent.Dropped {
		t.Error("a clock that was set back silences a client")
	}
}
