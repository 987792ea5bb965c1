//go:build linux

package dropin_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// idleTime is longer than the ten seconds for which packetbeat remembers a TCP
// stream on the port of an analyzer.
const idleTime = 11 * time.Second

// slowPort is one of a server that takes idleTime to answer.
const slowPort = 8080

// TestFault_idleConnection keeps connections open without a packet for longer than
// ten seconds. packetbeat's analyzers forget the stream, give it a new number when
// it goes on, and make a second flow of it, in the direction of who speaks first.
func TestFault_idleConnection(t *testing.T) {
	require(t)
	t.Parallel()
	each(t, func(t *testing.T, p program, h *home) {
		startSlow(t, h)
		b := h.start(t, p, h.work, h.on(time.Minute, time.Second, h.work.Vif)+
			fmt.Sprintf("packetbeat.protocols: [{type: http, ports: [80, %d]}]\n", slowPort)+outputFile)
		client, server := dial(t, h.work, testbed.WebAddr+":80"), dial(t, h.work, fmt.Sprintf("%s:%d", testbed.WebAddr, slowPort))
		var wg sync.WaitGroup
		wg.Go(func() { // the client speaks first again
			ask(t, client)
			time.Sleep(idleTime)
			ask(t, client)
		})
		wg.Go(func() { ask(t, server) }) // the server does
		wg.Wait()
		time.Sleep(2500 * time.Millisecond) // two periods and a half: packetbeat reports live flows for ever
		events := b.Stop(t)
		for _, conn := range []struct {
			what string
			port uint64
		}{{"the client goes on", 80}, {"the server goes on", slowPort}} {
			flows := distinct(events, conn.port)
			t.Logf("%s: %d flows where %s: %v", p.name, len(flows), conn.what, flows)
			if p.name == theirs.name && len(flows) < 2 {
				t.Error("packetbeat has kept the flow whole; the fault that this test is about is gone")
			}
			if p.name == ours.name && len(flows) != 1 {
				t.Errorf("%d flows; want 1", len(flows))
			}
		}
	})
}

// startSlow starts a server in the world that takes its time.
func startSlow(t *testing.T, h *home) {
	t.Helper()
	var l net.Listener
	err := h.Net.Do(func() (err error) {
		l, err = net.Listen("tcp", fmt.Sprintf("%s:%d", testbed.WebAddr, slowPort))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(idleTime):
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, "at last\n")
	})}
	var done sync.WaitGroup
	done.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() {
		_ = srv.Close()
		done.Wait()
	})
}

// ask sends a request and reads the answer.
func ask(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := io.WriteString(conn, "GET /idle HTTP/1.1\r\nHost: example.org\r\n\r\n"); err != nil {
		t.Error(err)
		return
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
}

// distinct returns the ends of the flows of a port, by their id.
func distinct(events runner.Events, port uint64) map[string]string {
	flows := map[string]string{}
	for _, e := range events.Filter(ofType("flow")) {
		if e.Number("source.port") == port || e.Number("destination.port") == port {
			flows[e.Text("flow.id")] = fmt.Sprintf("%v:%v to %v:%v", e["source.ip"], e["source.port"], e["destination.ip"], e["destination.port"])
		}
	}
	return flows
}
