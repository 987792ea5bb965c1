package resilience_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// longWait is how long a test waits for an answer: longer than a busy machine takes.
const longWait = 30 * time.Second

// TestKill checks that a beat that is killed in the middle of its work has its
// lists active at once when it comes back, without the network.
func TestKill(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	var body strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&body, "ad%d.example\n", i)
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body.String())) }))
	b := newResolver(t, fmt.Sprintf("    upstreams: {default: [\"udp://%s\"]}\n    limits: {queries_per_second_per_qube: 0}\n    lists: {ads: {deny: [%s]}}", up.addr, web.URL))
	b.start(t)
	blocked := func() bool {
		m, err := b.ask("ad777.example.", longWait)
		if err != nil {
			return false
		}
		addr, _ := text(m)
		return addr == "0.0.0.0"
	}
	b.Await(t, "the list is active", blocked)
	var stop atomic.Bool
	var asked atomic.Int64
	var load sync.WaitGroup
	for i := range 4 {
		load.Go(func() {
			for n := 0; !stop.Load(); n++ {
				_, _ = b.ask(fmt.Sprintf("host%d-%d.example.", i, n), 100*time.Millisecond)
				asked.Add(1)
			}
		})
	}
	poll.Until(t, "the beat is under load", func() bool { return asked.Load() >= 400 })
	web.Close() // the network is gone, too
	b.Kill()
	took := b.start(t)
	first := blocked()
	stop.Store(true)
	load.Wait()
	t.Logf("after kill -9 under load, the beat answered in %v", took.Round(time.Millisecond))
	if !first {
		t.Errorf("the first answer after the restart does not know the list\n%s", b.Log())
	}
	copies, _ := filepath.Glob(filepath.Join(b.home, "data", "lists", ".new-*"))
	if len(copies) > 1 {
		t.Errorf("half-written copies are left: %v", copies)
	}
}

// TestUpstreamGone checks the answers of the resolver while no upstream answers: the last answer
// where that is wanted, or else an error that says why, within the budget.
func TestUpstreamGone(t *testing.T) {
	t.Parallel()
	silent, err := net.ListenPacket("udp", "127.0.0.1:0") // takes queries and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	const limits = "    timeout: 2s\n    budget: 5s\n"
	for _, tt := range []struct {
		name, more string
		blackhole  bool
		addr       string
		ede        int
	}{
		{"refuses", "", false, "", 22},
		{"is silent", "", true, "", 22},
		{"refuses, stale", "    cache: {serve_stale: 1h}\n", false, "93.184.216.34", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			up := newUpstream(t)
			addr := up.addr
			if tt.blackhole {
				addr = silent.LocalAddr().String()
			}
			b := newResolver(t, fmt.Sprintf("    upstreams: {default: [\"udp://%s\"]}\n%s%s", addr, limits, tt.more))
			b.start(t)
			if !tt.blackhole {
				if m, err := b.ask("www.example.", longWait); err != nil || m.Rcode != 0 {
					t.Fatalf("with the upstream: %v, %v", m, err)
				}
				up.close()
				poll.Until(t, "the answer, which was good for a second, has expired", func() bool {
					m, err := b.ask("www.example.", longWait)
					if err != nil {
						return false
					}
					_, ede := text(m)
					return ede == tt.ede
				})
			}
			for range 3 {
				begin := time.Now()
				m, err := b.ask("www.example.", longWait)
				took := time.Since(begin)
				if err != nil {
					t.Fatalf("no answer: %v", err)
				}
				got, ede := text(m)
				if got != tt.addr || ede != tt.ede || tt.addr == "" && m.Rcode != 2 {
					t.Errorf("answer %q, rcode %d, EDE %d; want %q, EDE %d", got, m.Rcode, ede, tt.addr, tt.ede)
				}
				if took > longWait/2 {
					t.Errorf("the answer took %v; the budget is 5s", took)
				}
			}
		})
	}
}

// TestOutputStalled checks that answers do not wait for who reads the events, and
// that what is lost meanwhile is counted.
func TestOutputStalled(t *testing.T) {
	t.Parallel()
	up := newUpstream(t)
	b := newResolver(t, fmt.Sprintf("    upstreams: {default: [\"udp://%s\"]}\n    limits: {queries_per_second_per_qube: 0}\n    log: {queue: 64}", up.addr))
	l, err := net.Listen("tcp", "127.0.0.1:0") // a server that accepts and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b.output = fmt.Sprintf("output.redis: {hosts: [%q], timeout: 60s}\nqueue.mem: {events: 64, flush.min_events: 32}\nqubesbeat.shutdown_timeout: 1s", l.Addr())
	b.start(t)
	begin := time.Now()
	const n = 2000
	for range n {
		if _, err := b.ask("localhost.", longWait); err != nil {
			t.Fatalf("an answer waits for the output: %v", err)
		}
	}
	t.Logf("%d answers in %v with an output that takes nothing", n, time.Since(begin).Round(time.Millisecond))
	b.Signal(t, syscall.SIGTERM)
	_ = b.Err() // what could not be delivered is no failure
	log := b.Log()
	dropped, received := number(t, log, `"log_dropped":`), number(t, log, `"received":`)
	if dropped == 0 || received < n {
		t.Errorf("received %d, dropped %d: the losses are not counted", received, dropped)
	}
}

// number returns the number behind the last mark in a text.
func number(t *testing.T, text, mark string) (n int) {
	t.Helper()
	i := strings.LastIndex(text, mark)
	if i < 0 {
		t.Fatalf("no %s in the log", mark)
	}
	_, _ = fmt.Sscanf(text[i+len(mark):], "%d", &n)
	return n
}

// TestCoalesce checks that one event stands for queries with the same question and outcome, with
// their number, where that is wanted.
func TestCoalesce(t *testing.T) {
	t.Parallel()
	b := newResolver(t, "    upstreams: {default: [\"udp://127.0.0.1:9\"]}\n    log: {coalesce: 10s}")
	b.start(t)
	for range 5 {
		if _, err := b.ask("x.invalid.", longWait); err != nil {
			t.Fatal(err)
		}
	}
	events := b.Stop(t).Where(beat.Event{"resource": "x.invalid"})
	if len(events) != 1 {
		t.Fatalf("%d events of one question; want 1\n%s", len(events), b.Log())
	}
	if n := events[0].Number("qubesbeat.dns.count"); n != 5 {
		t.Errorf("the event stands for %d queries; want 5", n)
	}
}
