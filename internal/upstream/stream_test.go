package upstream_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// all asks for n names at once and compares the addresses.
func all(t *testing.T, g *upstream.Group, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			want := fmt.Sprintf("192.0.2.%d", i)
			if got, _, err := askFor(t, g, fmt.Sprintf("n%d.example", i)); err != nil || got != want {
				t.Errorf("query %d: %s, %v; want %s", i, got, err, want)
			}
		})
	}
	wg.Wait()
}

// number is the address of the names that all asks for.
func number(x *exchange) string {
	var n int
	_, _ = fmt.Sscanf(x.q.Question[0].Name, "n%d.", &n)
	return fmt.Sprintf("192.0.2.%d", n)
}

// Many queries share a connection, and their answers may come in any order (RFC
// 7766 section 6.2.1.1).
func TestStream_pipeline(t *testing.T) {
	t.Parallel()
	const n = 50
	var mu sync.Mutex
	var waiting []*exchange
	s := tcp(t, func(x *exchange) {
		if x.q.Question[0].Name == "www.example." {
			says(ipA)(x)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if waiting = append(waiting, x); len(waiting) == n {
			slices.Reverse(waiting)
			for _, w := range waiting {
				w.answer(w.good(number(w)))
			}
			waiting = nil
		}
	})
	g := newGroup(t, upstream.Strict, nil, "tcp://"+s.addr)
	want(t, g, ipA) // so that there is a connection
	for range 3 {
		all(t, g, n)
	}
	if n := s.conns.Load(); n != 1 {
		t.Errorf("there were %d connections; want one", n)
	}
}

// A burst before there is a connection does not make one for each query: two are
// the limit.
func TestStream_burst(t *testing.T) {
	t.Parallel()
	const n = 50
	var asked atomic.Int32
	burst := make(chan struct{}) // is closed when all have asked
	s := tcp(t, func(x *exchange) {
		if asked.Add(1) == n {
			close(burst)
		}
		go func() {
			<-burst
			x.answer(x.good(number(x)))
		}()
	})
	g := newGroup(t, upstream.Strict, nil, "tcp://"+s.addr)
	all(t, g, n)
	if n := s.conns.Load(); n > 2 {
		t.Errorf("there were %d connections; want 2 at most", n)
	}
}

// A connection that the server closes when it is idle is replaced, and no query
// fails for it (RFC 7766 section 6.2.4).
func TestStream_closedIdle(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(x *exchange){
		// The close is there long before the next query.
		"after an answer": func(x *exchange) {
			says(ipA)(x)
			_ = x.conn.Close()
		},
		// The close is on its way when the query is.
		"at the next query": func() func(x *exchange) {
			var mu sync.Mutex
			seen := map[any]bool{}
			return func(x *exchange) {
				mu.Lock()
				defer mu.Unlock()
				if seen[x.conn] {
					_ = x.conn.Close()
					return
				}
				seen[x.conn] = true
				says(ipA)(x)
			}
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tcp(t, do)
			g := newGroup(t, upstream.Strict, nil, "tcp://"+s.addr)
			for i := range 15 {
				if a := want(t, g, ipA); a.Attempts != 1 {
					t.Errorf("query %d took %d attempts; want one", i, a.Attempts)
				}
				time.Sleep(10 * time.Millisecond)
			}
			if st := g.Stats()[0]; st.OK != 15 || st.Asked != 15 {
				t.Errorf("Stats = %+v; want 15 of 15", st)
			}
		})
	}
}

// A server that closes each connection at the first query fails, but not for
// ever.
func TestStream_closedAlways(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	s := tcp(t, func(x *exchange) {
		if up.Load() {
			says(ipA)(x)
		} else {
			_ = x.conn.Close()
		}
	})
	g := newGroup(t, upstream.Strict, nil, "tcp://"+s.addr)
	if got, _, err := ask(t, g); err == nil {
		t.Errorf("Ask = %s; want an error", got)
	}
	if n := s.asked.Load(); n > 2*upstream.MaxAttempts {
		t.Errorf("the server was asked %d times; want %d at most", n, 2*upstream.MaxAttempts)
	}
	up.Store(true)
	want(t, g, ipA)
}

// More queries than two connections hold fail or wait; they do not open more.
func TestStream_full(t *testing.T) {
	t.Parallel()
	s := tcp(t, slow(50*time.Millisecond, says(ipA)))
	g := newGroup(t, upstream.Strict, nil, "tcp://"+s.addr)
	var good atomic.Int32
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			if _, _, err := ask(t, g); err == nil {
				good.Add(1)
			}
		})
	}
	wg.Wait()
	if n := good.Load(); n < 64 {
		t.Errorf("%d queries were answered; want those that one connection holds at least", n)
	}
	if n := s.conns.Load(); n > 2 {
		t.Errorf("there were %d connections; want 2 at most", n)
	}
	want(t, g, ipA)
}

// A connection that stalls in the middle of an answer does not hold up the
// queries after it for longer than their time.
func TestStream_stalled(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	s := tcp(t, func(x *exchange) {
		if n.Add(1) == 1 {
			_, _ = x.conn.Write([]byte{0xff, 0xff, 1, 2, 3}) // the begin of 65,535 bytes
			return
		}
		says(ipA)(x)
	})
	g := newGroup(t, upstream.Strict, timeout(brief), "tcp://"+s.addr)
	_, _, _ = ask(t, g)
	began := time.Now()
	want(t, g, ipA)
	if took := time.Since(began); took > longWait/2 {
		t.Errorf("the query after it took %v", took)
	}
}
