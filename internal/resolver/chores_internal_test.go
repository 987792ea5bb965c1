package resolver

import (
	"context"
	"net/netip"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/dnsserver"
	"github.com/qubesbeat/qubesbeat/internal/lists"
	"github.com/qubesbeat/qubesbeat/internal/localdata"
)

// idle serves without any sockets, in a bubble of synctest, a resolver that blocks
// *.ads. change may be nil.
func idle(t *testing.T, change func(c *Config)) *Resolver {
	t.Helper()
	m, err := lists.New(lists.Config{Sources: []lists.Source{{List: "ads", Location: "*.ads\n"}}})
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Log: dnsevent.NewQueue(8), Limits: Limits{Budget: time.Second}, Rules: Rules{Lists: m, Policy: &dnspolicy.Config{Upstreams: []string{"default"},
		Lists: []dnspolicy.List{{Name: "ads", Deny: []blocklist.Source{lists.Deny(0)}}}, Rules: []dnspolicy.Rule{{Lists: []string{"ads"}}}}}}
	if change != nil {
		change(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-s.Ready()
	synctest.Wait()
	return s
}

// blocks reports whether a name of the list is blocked now.
func (s *Resolver) blocks() bool {
	snap := s.live.Load()
	return snap.Name(snap.Client(netip.MustParseAddr("10.137.0.9")).Policy, []byte("\x01x\x03ads\x00")).Blocked
}

// TestResolver_idle holds that a resolver that has nothing to do has no timer.
func TestResolver_idle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := idle(t, nil)
		if d, ok := s.nextChore(); ok {
			t.Errorf("an idle resolver wakes after %v", d)
		}
		if err := s.PauseBlocking(nil, "", 0); err != nil {
			t.Fatal(err)
		}
		if d, ok := s.nextChore(); ok {
			t.Errorf("with a pause without an end it wakes after %v", d)
		}
	})
}

// TestResolver_pauseEnds holds that blocking is on again when a pause is over, and
// not before.
func TestResolver_pauseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := idle(t, nil)
		if err := s.PauseBlocking([]string{"ads"}, "", 5*time.Minute); err != nil || s.blocks() {
			t.Fatalf("PauseBlocking = %v; blocks %v", err, s.blocks())
		}
		time.Sleep(5*time.Minute - time.Nanosecond)
		if synctest.Wait(); s.blocks() || len(s.BlockingPauses()) != 1 {
			t.Error("the pause is over too early")
		}
		time.Sleep(time.Nanosecond)
		if synctest.Wait(); !s.blocks() || len(s.BlockingPauses()) != 0 {
			t.Error("the pause is not over")
		}
		if d, ok := s.nextChore(); ok {
			t.Errorf("after the pause the resolver wakes after %v", d)
		}
	})
}

// TestResolver_schedule holds that schedules are followed.
func TestResolver_schedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		begin := time.Duration(now.Hour())*time.Hour + time.Duration(now.Minute()+2)*time.Minute
		s := idle(t, func(c *Config) {
			c.Policy.Schedules = map[string]*dnspolicy.Schedule{"soon": {Begin: begin, End: begin + time.Minute}}
			c.Policy.Lists[0].Schedule = "soon"
		})
		for _, tt := range []struct {
			after time.Duration
			want  bool
		}{{0, false}, {time.Minute, false}, {scheduleEvery + time.Minute, true}, {time.Minute + scheduleEvery, false}} {
			time.Sleep(tt.after)
			if synctest.Wait(); s.blocks() != tt.want {
				t.Errorf("at %v: blocks %v; want %v", time.Now(), s.blocks(), tt.want)
			}
		}
	})
}

// TestResolver_reportsDropped holds that dropped queries are reported once, a
// second after the first of them, and again for those that come later.
func TestResolver_reportsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := idle(t, nil)
		ses := s.NewSession()
		batch := make([]dnsevent.Entry, 4)
		for _, n := range []int{5, 3} {
			began := time.Now()
			for range n {
				q := dnsserver.Query{Msg: []byte("no query"), Arrival: dnsserver.Arrival{From: netip.MustParseAddrPort("10.137.0.9:4000"), At: began.UnixNano()}}
				if reply, done := ses.Handle(&q, nil); len(reply) > 0 || !done {
					t.Errorf("the answer is %x; want none", reply)
				}
			}
			got := s.conf.Log.Pop(batch, time.Time{})
			e := &batch[0]
			if took := time.Since(began); got != 1 || e.Count != uint32(n) || e.Match != dnsevent.MatchProtocol || took != reportAfter {
				t.Errorf("after %v: %d entries, the first for %d queries (%v); want one for %d, after %v", took, got, e.Count, e.Match, n, reportAfter)
			}
			synctest.Wait()
			if d, ok := s.nextChore(); ok {
				t.Errorf("after the report the resolver wakes after %v", d)
			}
		}
	})
}

// TestResolver_released holds that the owner learns when a table was replaced.
func TestResolver_released(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		s := idle(t, func(c *Config) { c.Released = func() { n++ } })
		before := n
		if err := s.Reload(s.conf.Rules); err != nil || before == 0 || n != before+1 {
			t.Errorf("Reload = %v; Released was called %d times, then %d times; want once more", err, before, n)
		}
	})
}

// TestJob_load holds that a job has all that was decided about its request.
func TestJob_load(t *testing.T) {
	t.Parallel()
	r := request{Arrival: dnsserver.Arrival{From: netip.MustParseAddrPort("10.137.0.9:4000"), Iface: 3, TCP: true, At: 5, Size: 29},
		decided: decided{snap: new(live), client: new(dnspolicy.Client), peer: new(peer), zone: new(Zone), allowed: true, dangling: []localdata.Record{{TTL: 1}}}}
	for _, part := range []any{r.Arrival, r.decided} {
		for v, i := reflect.ValueOf(part), 0; i < v.NumField(); i++ {
			if name := v.Type().Field(i).Name; v.Field(i).IsZero() && name != "Local" {
				t.Errorf("the test does not set %s", name)
			}
		}
	}
	msg := dnsmsg.AppendQuestion(dnsmsg.AppendHeader(nil, 7, dnsmsg.FlagRD), []byte("\x03www\x00"), dnsmsg.TypeA, dnsmsg.ClassIN)
	dnsmsg.SetCounts(msg, 1, 0, 0, 0)
	var j job
	j.load(&r, msg)
	clear(msg)
	if !reflect.DeepEqual(j.Arrival, r.Arrival) || !reflect.DeepEqual(j.decided, r.decided) || j.q.ID != 7 || string(j.q.Name) != "\x03www\x00" {
		t.Errorf("the job has %+v; want what the request has", j.request)
	}
}
