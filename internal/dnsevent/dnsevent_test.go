package dnsevent_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
)

// TestQueue holds that entries come out in order and whole, and that all that
// went in is taken, waiting or dropped.
func TestQueue(t *testing.T) {
	t.Parallel()
	q := dnsevent.NewQueue(2)
	long := bytes.Repeat([]byte("r"), dnsevent.MaxReply+10)
	for i, name := range []string{"one", "two", "three"} {
		q.Push(&dnsevent.Entry{ID: uint16(i), Name: []byte(name), Reply: long, ReplyLen: len(long), Count: 2})
	}
	if got := q.Stats(); got != (dnsevent.QueueStats{In: 6, Dropped: 2, Waiting: 2}) {
		t.Errorf("Stats = %+v; want 6 in, 2 dropped, 2 entries waiting", got)
	}
	batch := make([]dnsevent.Entry, 1)
	for i, want := range []string{"one", "two"} {
		n, more := q.Pop(batch)
		e := &batch[0]
		if n != 1 || !more || string(e.Name) != want || len(e.Reply) != dnsevent.MaxReply || e.ReplyLen != len(long) || e.ID != uint16(i) {
			t.Errorf("Pop = %d, %v, %s with %d bytes of a reply of %d", n, more, e.Name, len(e.Reply), e.ReplyLen)
		}
	}
	q.Wake()
	if n, more := q.Pop(batch); n != 0 || !more {
		t.Errorf("Pop after Wake = %d, %v; want 0, true", n, more)
	}
	q.Push(&dnsevent.Entry{Count: 1})
	q.Close()
	q.Push(&dnsevent.Entry{Count: 1})
	if n, more := q.Pop(batch); n != 1 || more || len(batch[0].Name) != 0 {
		t.Errorf("Pop after Close = %d, %v; want 1, false", n, more)
	}
	if n, more := q.Pop(batch); n != 0 || more || q.Stats().Dropped != 3 {
		t.Errorf("Pop of an empty queue = %d, %v; want 0, false", n, more)
	}
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
