package upstream_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// Addresses of the servers a, b and c.
const ipA, ipB, ipC = "192.0.2.1", "192.0.2.2", "192.0.2.3"

// Of two servers that are asked at once, the faster good answer counts, whatever
// the other one says.
func TestGroup_parallelBest(t *testing.T) {
	t.Parallel()
	const late, soon = 100 * time.Millisecond, longWait / 2
	for _, tt := range []struct {
		name    string
		a, b    func(x *exchange)
		timeout time.Duration
		want    string // "" for an error
		least   time.Duration
	}{
		{"fast wins", slow(late, says(ipA)), says(ipB), longWait, ipB, 0},
		{"fast wins, the other way round", says(ipA), slow(late, says(ipB)), longWait, ipA, 0},
		{"slow and good beats fast and failed", fails, slow(late, says(ipB)), longWait, ipB, late},
		{"good beats silent", silent, says(ipB), longWait, ipB, 0},
		{"all fail", fails, fails, longWait, "", 0},
		{"all are silent", silent, silent, brief / 8, "", brief / 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, b := udp(t, tt.a), udp(t, tt.b)
			g := newGroup(t, upstream.ParallelBest, timeout(tt.timeout), a.addr, b.addr)
			began := time.Now()
			got, answer, err := ask(t, g)
			took := time.Since(began)
			if got != tt.want || err == nil != (tt.want != "") {
				t.Errorf("Ask = %s, %v; want %s", got, err, tt.want)
			}
			if took < tt.least || took > soon {
				t.Errorf("it took %v; want %v or a little more", took, tt.least)
			}
			if tt.least > 0 && (a.asked.Load() == 0 || b.asked.Load() == 0) { // else the answer may be there before both are asked
				t.Errorf("the servers were asked %d and %d times; want both", a.asked.Load(), b.asked.Load())
			}
			if n := a.asked.Load() + b.asked.Load(); int(n) > upstream.MaxAttempts || answer.Attempts > upstream.MaxAttempts {
				t.Errorf("the servers were asked %d times, attempts %d; want %d at most", n, answer.Attempts, upstream.MaxAttempts)
			}
			if err != nil && (!strings.Contains(err.Error(), a.addr) || !strings.Contains(err.Error(), b.addr)) {
				t.Errorf("the error %q does not name both servers", err)
			}
		})
	}
}

// One is asked as long as it answers; the next one when it fails or is late, and
// not the one after that as well.
func TestGroup_strict(t *testing.T) {
	t.Parallel()
	const late = brief // the time of an attempt
	for _, tt := range []struct {
		name    string
		a, b, c func(x *exchange)
		timeout time.Duration
		want    string
		least   time.Duration
		asked   [3]int32
	}{
		{"first", says(ipA), says(ipB), says(ipC), longWait, ipA, 0, [3]int32{1, 0, 0}},
		{"first, slowly", slow(late/20, says(ipA)), says(ipB), says(ipC), longWait, ipA, late / 20, [3]int32{1, 0, 0}},
		{"first fails", fails, says(ipB), says(ipC), longWait, ipB, 0, [3]int32{1, 1, 0}},
		{"first and second fail", fails, fails, says(ipC), longWait, ipC, 0, [3]int32{1, 1, 1}},
		{"first is late", silent, says(ipB), says(ipC), late, ipB, late, [3]int32{1, 1, 0}},
		{"first is late, second slow", silent, slow(late/20, says(ipB)), says(ipC), late, ipB, late, [3]int32{1, 1, 0}},
		{"first and second are late", silent, silent, says(ipC), late, ipC, 2 * late, [3]int32{1, 1, 1}},
		{"all fail", fails, fails, fails, longWait, "", 0, [3]int32{1, 1, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, b, c := udp(t, tt.a), udp(t, tt.b), udp(t, tt.c)
			g := newGroup(t, upstream.Strict, timeout(tt.timeout), a.addr, b.addr, c.addr)
			began := time.Now()
			got, _, err := ask(t, g)
			if got != tt.want {
				t.Errorf("Ask = %s, %v; want %s", got, err, tt.want)
			}
			if took := time.Since(began); took < tt.least || took > longWait/2 {
				t.Errorf("it took %v; want %v or a little more", took, tt.least)
			}
			if n := [3]int32{a.asked.Load(), b.asked.Load(), c.asked.Load()}; n != tt.asked {
				t.Errorf("the servers were asked %v times; want %v", n, tt.asked)
			}
		})
	}
}

// The order stays that of the configuration after a failure.
func TestGroup_strictAgain(t *testing.T) {
	t.Parallel()
	down := make(chan struct{})
	a := udp(t, func(x *exchange) {
		select {
		case <-down:
			fails(x)
		default:
			says(ipA)(x)
		}
	})
	b := udp(t, says(ipB))
	g := newGroup(t, upstream.Strict, nil, a.addr, b.addr)
	for range 10 {
		want(t, g, ipA)
	}
	if n := b.asked.Load(); n != 0 {
		t.Errorf("the second server was asked %d times; want never", n)
	}
	close(down)
	for range 5 {
		want(t, g, ipB)
	}
	if n := a.asked.Load(); n != 15 {
		t.Errorf("the first server was asked %d times; want 15", n)
	}
}

// Servers are asked at random, one for each query, and another one when one fails.
func TestGroup_random(t *testing.T) {
	t.Parallel()
	a, b := udp(t, says(ipA)), udp(t, says(ipB))
	g := newGroup(t, upstream.Random, nil, a.addr, b.addr)
	for range 100 {
		if _, _, err := ask(t, g); err != nil {
			t.Fatal(err)
		}
	}
	// 20 or fewer of 100 tosses of a coin come once in 10^9 times.
	if na, nb := a.asked.Load(), b.asked.Load(); na+nb != 100 || na <= 20 || nb <= 20 {
		t.Errorf("the servers were asked %d and %d times; want some 50 each", na, nb)
	}
}

// A server that has failed is asked seldom: with a weight of 1 against 60.
func TestGroup_weights(t *testing.T) {
	t.Parallel()
	for _, bad := range []struct {
		name string
		do   func(x *exchange)
		n    int
	}{{"failed", fails, 300}, {"silent", silent, 60}} {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			a, b := udp(t, bad.do), udp(t, says(ipB))
			g := newGroup(t, upstream.Random, timeout(brief), a.addr, b.addr)
			for range 100 { // until it has failed once
				want(t, g, ipB)
				if g.Stats()[0].Asked > 0 {
					break
				}
			}
			before := a.asked.Load()
			for range bad.n {
				want(t, g, ipB)
			}
			// 300/61 are 5: more than 25 never come.
			if n := a.asked.Load() - before; n > 25 {
				t.Errorf("the failed server was asked in %d of %d queries", n, bad.n)
			}
			s := g.Stats()
			if s[0].OK != 0 || s[1].OK < uint64(bad.n) {
				t.Errorf("Stats = %+v", s)
			}
		})
	}
}

// A server that was slower than another has not failed: it is asked as before.
func TestGroup_slowerIsNoFailure(t *testing.T) {
	t.Parallel()
	a, b, c := udp(t, slow(30*time.Millisecond, says(ipA))), udp(t, says(ipB)), udp(t, says(ipC))
	g := newGroup(t, upstream.ParallelBest, nil, a.addr, b.addr, c.addr)
	for range 90 {
		if _, _, err := ask(t, g); err != nil {
			t.Fatal(err)
		}
	}
	if n := a.asked.Load(); n < 30 { // of 60
		t.Errorf("the slow server was asked %d times of 90; want 60 or so", n)
	}
}

// Whatever servers do not do, the answer is there when the context ends.
func TestGroup_budget(t *testing.T) {
	t.Parallel()
	for _, strategy := range []upstream.Strategy{upstream.ParallelBest, upstream.Strict, upstream.Random} {
		for _, proto := range []string{"udp", "tcp", "tls", "https"} {
			t.Run(string(strategy)+" "+proto, func(t *testing.T) {
				t.Parallel()
				var addrs []string
				for range 2 {
					if proto == "udp" {
						addrs = append(addrs, "udp://"+udp(t, silent).addr)
					} else { // the handshake of TLS stays unanswered as well
						addrs = append(addrs, proto+"://"+tcp(t, silent).addr)
					}
				}
				g := newGroup(t, strategy, timeout(longWait), addrs...)
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
				began := time.Now()
				a, err := g.Ask(ctx, question(t, "www.example"))
				if took := time.Since(began); took > longWait/2 {
					t.Errorf("it took %v; want 200 ms", took)
				}
				if err == nil || !errors.Is(err, upstream.ErrTimeout) {
					t.Errorf("Ask = %v, %v; want ErrTimeout", a, err)
				}
			})
		}
	}
}

// An address without a server fails at once, and the next one is asked.
func TestGroup_refused(t *testing.T) {
	t.Parallel()
	b := udp(t, says(ipB))
	for _, proto := range []string{"udp", "tcp", "tls", "https"} {
		g := newGroup(t, upstream.Strict, nil, proto+"://127.0.0.9:1", b.addr)
		began := time.Now()
		want(t, g, ipB)
		if took := time.Since(began); took > longWait/2 {
			t.Errorf("%s: it took %v", proto, took)
		}
	}
}
