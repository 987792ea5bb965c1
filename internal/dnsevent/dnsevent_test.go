package dnsevent_test

import (
	"bytes"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// TestQueue holds that entries come out in order and whole, and that all that
// went in is taken, waiting or dropped.
func TestQueue(t *testing.T) {
	t.Parallel()
	q := dnsevent.NewQueue(4)
	long := bytes.Repeat([]byte("r"), dnsevent.MaxReply+10)
	for i, name := range []string{"one", "two", "three"} {
		q.Push(&dnsevent.Entry{ID: uint16(i), Name: []byte(name), Reply: long, ReplyLen: len(long), Count: 2})
	}
	wantStats(t, q, dnsevent.QueueStats{In: 6, Dropped: 2, Waiting: 4})
	batch := make([]dnsevent.Entry, 1)
	for i, want := range []string{"one", "two"} {
		n := q.Pop(batch, time.Time{})
		e := &batch[0]
		if n != 1 || string(e.Name) != want || len(e.Reply) != dnsevent.MaxReply || e.ReplyLen != len(long) || e.ID != uint16(i) {
			t.Errorf("Pop = %d, %s with %d bytes of a reply of %d", n, e.Name, len(e.Reply), e.ReplyLen)
		}
	}
	wantStats(t, q, dnsevent.QueueStats{In: 6, Out: 4, Dropped: 2})
	if n := q.Pop(batch, time.Now()); n != 0 || q.Done() {
		t.Errorf("Pop at the deadline = %d, Done = %v; want 0, false", n, q.Done())
	}
	q.Push(&dnsevent.Entry{Count: 1})
	q.Close()
	q.Push(&dnsevent.Entry{Count: 1})
	if n := q.Pop(batch, time.Time{}); n != 1 || !q.Done() || len(batch[0].Name) != 0 {
		t.Errorf("Pop after Close = %d, Done = %v; want 1, true", n, q.Done())
	}
	if n := q.Pop(batch, time.Time{}); n != 0 || !q.Done() {
		t.Errorf("Pop of an empty queue = %d, Done = %v; want 0, true", n, q.Done())
	}
	wantStats(t, q, dnsevent.QueueStats{In: 8, Out: 5, Dropped: 3})
}

func wantStats(t *testing.T, q *dnsevent.Queue, want dnsevent.QueueStats) {
	t.Helper()
	if diff := cmp.Diff(want, q.Stats()); diff != "" {
		t.Errorf("Stats mismatch (-want +got):\n%s", diff)
	}
}

// TestQueue_balance counts every query at any moment, those of entries for many, too.
func TestQueue_balance(t *testing.T) {
	t.Parallel()
	q := dnsevent.NewQueue(16)
	var pushing sync.WaitGroup
	for range 3 {
		pushing.Go(func() {
			for i := range uint32(20_000) {
				q.Push(&dnsevent.Entry{Count: 1 + i%3})
				if s := q.Stats(); s.In != s.Out+s.Dropped+s.Waiting {
					t.Errorf("Stats = %+v; want a balance", s)
				}
			}
		})
	}
	go func() { pushing.Wait(); q.Close() }()
	taken := uint64(0)
	for batch := make([]dnsevent.Entry, 4); !q.Done(); {
		for _, e := range batch[:q.Pop(batch, time.Time{})] {
			taken += uint64(e.Count)
		}
	}
	if s := q.Stats(); s.Out != taken || s.In != 3*39_999 || s.Waiting != 0 {
		t.Errorf("Stats = %+v, %d taken; want %d in, all taken counted", s, taken, 3*39_999)
	}
}

// TestQueue_forgets keeps nothing of what was taken, but the memory of names.
func TestQueue_forgets(t *testing.T) {
	t.Parallel()
	q, batch := dnsevent.NewQueue(4), make([]dnsevent.Entry, 4)
	work := &qube.Qube{Name: "work"}
	gone := weak.Make(work)
	q.Push(&dnsevent.Entry{Qube: work, Count: 1})
	work = nil
	q.Pop(batch, time.Time{})
	q.Push(&dnsevent.Entry{Count: 1})
	q.Pop(batch, time.Time{}) // which gives the queue what was taken first
	runtime.GC()
	if gone.Value() != nil {
		t.Error("the qube of an entry that was taken is still in memory")
	}
	runtime.KeepAlive(q)
}

func TestOutcome_Reason(t *testing.T) {
	t.Parallel()
	name := []byte("\x03www\x07example\x00")
	for _, tt := range []struct {
		o    dnsevent.Outcome
		want string
	}{
		{dnsevent.Outcome{}, "RESOLVED"},
		{dnsevent.Outcome{Upstream: &dnsevent.Server{URL: "udp://192.0.2.1:53"}}, "RESOLVED (udp://192.0.2.1:53)"},
		{dnsevent.Outcome{From: dnsevent.FromCache, Negative: true}, "CACHED NEGATIVE"},
		{dnsevent.Outcome{From: dnsevent.FromBlocking, Match: dnsevent.MatchName, List: "ads", Hit: dnsevent.Hit{At: 4, Tree: true}}, "BLOCKED (ads: *.example)"},
		{dnsevent.Outcome{From: dnsevent.FromBlocking, Match: dnsevent.MatchAlias, List: "ads", Name: []byte("\x01x\x00")}, "BLOCKED CNAME (ads: x)"},
		{dnsevent.Outcome{From: dnsevent.FromBlocking, Match: dnsevent.MatchHint, List: "ads", Hit: dnsevent.Hit{Text: "192.0.2.0/24"}}, "BLOCKED IP (ads: 192.0.2.0/24)"},
		{dnsevent.Outcome{From: dnsevent.FromBlocking, Match: dnsevent.MatchAllowOnly}, "BLOCKED (ALLOWLIST ONLY)"},
		{dnsevent.Outcome{From: dnsevent.FromRebinding, Addr: netip.MustParseAddr("10.0.0.1")}, "REBINDING (10.0.0.1)"},
		{dnsevent.Outcome{From: dnsevent.FromHosts}, "HOSTS FILE"},
		{dnsevent.Outcome{From: dnsevent.FromError, Match: dnsevent.MatchRate}, "ERROR (rate_limit)"},
		{dnsevent.Outcome{From: dnsevent.FromError, Err: "no answer in time"}, "ERROR (no answer in time)"},
	} {
		if got := tt.o.Reason(name); got != tt.want {
			t.Errorf("Reason of %+v = %q; want %q", tt.o, got, tt.want)
		}
	}
}

// TestString holds that every value has a name, and that others do not panic.
func TestString(t *testing.T) {
	t.Parallel()
	for a := range dnsevent.Actions {
		if got := dnsevent.Action(a).String(); got == "unknown" {
			t.Errorf("action %d has no name", a)
		}
	}
	if dnsevent.FromError.String() != "ERROR" || dnsevent.MatchBusy.String() != "in_flight" {
		t.Errorf("the last source is %s, the last match %s", dnsevent.FromError, dnsevent.MatchBusy)
	}
	for _, got := range []string{dnsevent.Action(dnsevent.Actions).String(), dnsevent.Source(200).String(), dnsevent.Match(200).String()} {
		if got != "unknown" {
			t.Errorf("a value without a name is %q", got)
		}
	}
}

// TestAttack03_log has room for the queries of a quiet client while another floods,
// by its interface or, if that is not known, by its address.
func TestAttack03_log(t *testing.T) {
	t.Parallel()
	for name, flood := range map[string]dnsevent.Entry{"UDP": {Iface: 6, Count: 1}, "TCP": {From: netip.MustParseAddrPort("10.137.0.6:5000"), Count: 1}} {
		q := dnsevent.NewQueue(1000)
		for range 5000 {
			q.Push(&flood)
		}
		before := q.Stats().Dropped
		for i := range 100 {
			q.Push(&dnsevent.Entry{Iface: 7, Count: 1})
			q.Push(&dnsevent.Entry{From: netip.AddrPortFrom(netip.MustParseAddr("10.137.0.7"), uint16(i)), Count: 1})
		}
		if s := q.Stats(); s.Dropped != before || s.In != 5200 {
			t.Errorf("flood over %s: %d queries of the quiet clients are dropped", name, s.Dropped-before)
		}
		for batch := make([]dnsevent.Entry, 64); q.Stats().Waiting > 0; {
			q.Pop(batch, time.Time{})
		}
		if q.Push(&flood); q.Stats().Waiting != 1 {
			t.Error("the share of the flood is not free again")
		}
	}
}
