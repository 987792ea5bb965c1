//go:build linux

package dropin_test

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/wire"
)

// loopPort is PostgreSQL's.
const loopPort = 5432

// startup is a StartupMessage of PostgreSQL that says that it is zero bytes long,
// and one byte more. The analyzer steps over it, by zero bytes, over and over
// (parse.go: parseMessageStart).
const startup = "\x00\x00\x00\x00\x00\x03\x00\x00."

// loopTime is long for what takes milliseconds, and for the three seconds after
// which an analyzer that does not return is ended.
const loopTime = 15 * time.Second

// TestHostile_loop gives an analyzer a message that it never gets through, between
// two probes.
func TestHostile_loop(t *testing.T) {
	require(t)
	t.Parallel()
	w := wire.New(t)
	probe(w)
	w.TCP(loopPort, []message{{FromClient: true, Data: []byte(startup)}})
	probe(w)
	path := w.Close()
	for _, p := range []program{theirs, ours} {
		t.Run(p.name, func(t *testing.T) {
			b := replay(t, p, onlyFlows+runner.AllProtocols+outputFile, path, loopTime)
			t.Logf("%s: given up after %v: %v, in %s", p.name, loopTime, b.late, b.where())
			if p.name == theirs.name || b.late {
				return
			}
			if n := len(b.Events(t).Filter(isProbe)); n != 2 {
				t.Errorf("%d of 2 probes analyzed", n)
			}
		})
	}
}

// TestHostile_loopLive lets a client send the same, and another go on: the flows
// and transactions of others must not end with it, nor must the beat live for ever.
func TestHostile_loopLive(t *testing.T) {
	require(t)
	t.Parallel()
	h := newHome(t)
	h.listen(t, loopPort)
	b := h.start(t, ours, h.work, h.onVifs(30*time.Second, -time.Second)+runner.AllProtocols+outputFile)
	say(t, dial(t, h.work, fmt.Sprintf("%s:%d", testbed.WebAddr, loopPort)), startup)
	h.Settle()
	h.run(t, h.banking, "curl -sS -o /dev/null "+testbed.SmallURL)
	h.Settle()
	begin := time.Now()
	b.Signal(t, syscall.SIGTERM)
	select {
	case <-b.Ended():
	case <-time.After(runner.Timeout):
		b.Signal(t, syscall.SIGQUIT)
		<-b.Ended()
		t.Errorf("qubesbeat did not end %v after SIGTERM (shutdown_timeout is 10s); it is in %s", runner.Timeout, b.where())
	}
	events := b.Events(t)
	flows := events.Filter(func(e event) bool {
		return final(e) && e.Text("qube.name") == h.banking.Name && e.Number("destination.port") == 80
	})
	requests := events.Filter(func(e event) bool { return e.Text("type") == "http" && e.Text("qube.name") == h.banking.Name })
	t.Logf("qubesbeat: %d flow and %d transaction of the other client, ended after %v", len(flows), len(requests), time.Since(begin))
	if len(flows) != 1 || len(requests) != 1 {
		t.Error("want one flow and one transaction of the other client")
	}
}

// listen starts a server in the world that hears everything and says nothing.
func (h *home) listen(t *testing.T, port int) {
	t.Helper()
	err := h.Net.Do(func() error {
		l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", testbed.WebAddr, port))
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() { _, _ = io.Copy(io.Discard, conn) }()
			}
		}()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
