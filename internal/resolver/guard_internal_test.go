package resolver

import (
	"errors"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnsserver"
	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// handle has a session handle a query as the server does.
func handle(ses dnsserver.Session, q *dnsserver.Query) (panicked bool) {
	defer func() {
		if panicked = recover() != nil; panicked {
			ses.Failed(q)
		}
	}()
	ses.Handle(q, make([]byte, 0, dnsserver.ReplyRoom))
	return false
}

// TestSession_Failed gives back what a query held that panics, counts it and logs it
// without its name.
func TestSession_Failed(t *testing.T) {
	t.Parallel()
	log := dnsevent.NewQueue(8)
	s, msg, _ := ready(t, log, nil)
	s.FlushCache() // so that an upstream has to be asked
	ses := s.NewSession()
	q := dnsserver.Query{Msg: msg, Arrival: dnsserver.Arrival{From: netip.MustParseAddrPort("10.137.0.9:4000"), At: time.Now().UnixNano()}}
	const times = 3
	for range times { // it has no way back, so that Defer panics
		if !handle(ses, &q) {
			t.Fatal("Handle did not panic")
		}
	}
	if p := s.peers.get(q.From.Addr()); p.inFlight.Load() != 0 || s.waiting.Load() != 0 {
		t.Errorf("%d queries of the client and %d in all seem to wait; want none", p.inFlight.Load(), s.waiting.Load())
	}
	if st := s.Stats(); st.Received != times || st.Actions[dnsevent.Failed] != times {
		t.Errorf("received %d, failed %d; want %d of each", st.Received, st.Actions[dnsevent.Failed], times)
	}
	batch := make([]dnsevent.Entry, 8)
	if n := log.Pop(batch, time.Time{}); n != times || len(batch[0].Name) != 0 || batch[0].RCode != dnsmsg.ServFail || batch[0].Qube == nil {
		t.Errorf("logged %d, %+v; want %d without a name, of a qube", n, batch[0], times)
	}
}

// TestResolver_Serve_stopped ends with an error once it cannot answer what needs an
// upstream.
func TestResolver_Serve_stopped(t *testing.T) {
	for _, name := range []string{"resolver/job", "resolver/upstream"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keeper := guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)})
				s, _, _ := ready(t, nil, nil)
				s.jobPart, s.answerPart = keeper.Part("resolver/job"), keeper.Part("resolver/upstream")
				done := make(chan error, 1)
				go func() { done <- s.Serve(t.Context()) }()
				<-s.Ready()
				for !keeper.Part(name).Stopped() {
					_ = keeper.Part(name).Do(nil, func() { panic("x") })
				}
				if err := <-done; !errors.Is(err, guard.ErrStopped) || err.Error() != name+": stopped after too many panics" {
					t.Errorf("Serve = %v; want %s to be stopped", err, name)
				}
			})
		})
	}
}
