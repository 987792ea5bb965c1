//go:build linux

package shunt_test

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// config has timeouts that pass within the test.
const config = `
  interfaces: {device: ["vif*"], shunt: SHUNT}
  flows: {timeout: 3s, active_timeout: 6s, period: 1s}
  inventory: {file: HOME/inventory}
  stats: {period: 1s}`

// start starts a beat on the vif of q.
func start(t *testing.T, nw *testbed.Network, q *testbed.Qube, shunt string) *beat.Beat {
	t.Helper()
	home := beat.NewHome(t)
	nw.WriteInventory(home + "/inventory")
	b := beat.Start(t, nw, home, strings.Replace(config, "SHUNT", shunt, 1))
	b.AwaitLog(t, "following interface", "interface", q.Vif)
	return b
}

// Addresses of the qube, which does not answer from the raw ones.
const (
	own, own6   = "10.137.0.6", "fd09:24ef:4179::a89:6"
	sink, sink6 = "192.0.2.200:9000", "[2001:db8::99]:9000"
)

// TestShunt has two beats see the same traffic and compares all their flow events: the
// packets, bytes, flags and ends of all records, and their times to a millisecond.
func TestShunt(t *testing.T) {
	testbed.Require(t, "curl")
	nw := testbed.New(t, testbed.Config{})
	nw.StartServers()
	q := nw.AddClient(testbed.Client{Name: "work", Label: "blue", DomID: 4, IP: netip.MustParseAddr(own), IP6: netip.MustParseAddr(own6)})
	nw.Settle()
	every, shunted := start(t, nw, q, "off"), start(t, nw, q, "auto")
	traffic(t, q)
	time.Sleep(8 * time.Second) // every flow has been idle for longer than the timeout
	a, b := every.Stop(t), shunted.Stop(t)
	switch state := fmt.Sprint(last(b, "stats.capture.shunt")); {
	case strings.Contains(state, "CAP_BPF"):
		t.Skipf("the kernel counts no flows for this user: %s; run as root", state)
	case state != "on":
		t.Fatalf("the shunt is %s", state)
	}
	frames, counted := last(b, "stats.capture.frames").(float64), last(b, "stats.capture.shunted_frames").(float64)
	t.Logf("%.0f of %.0f frames were counted in the kernel, in %v flows", counted, frames, last(b, "stats.capture.shunt_flows"))
	if all := last(a, "stats.capture.frames"); all != frames || counted < frames/2 {
		t.Errorf("%v frames with the shunt, %v without, %v counted in the kernel; want as many, and most of them", frames, all, counted)
	}
	want, got := finals(t, a), finals(t, b)
	if diff := cmp.Diff(want, got, cmp.Comparer(near)); diff != "" {
		t.Errorf("flow events mismatch (-every packet +shunt):\n%s", diff)
	}
	if len(want) < 12 {
		t.Errorf("%d flows; want the dozen of the test: %v", len(want), slices.Sorted(maps.Keys(want)))
	}
	checkInterim(t, a, b)
}

// traffic makes the flows, all at once.
func traffic(t *testing.T, q *testbed.Qube) {
	var done sync.WaitGroup
	r := newRaw(t, q)
	each := func(f func()) { done.Go(f) }
	curl := func(args ...string) {
		if _, talk, err := q.Run(t.Context(), "curl", append([]string{"-s", "-o", "/dev/null", "--max-time", "20"}, args...)...); err != nil {
			t.Errorf("curl %v: %v: %s", args, err, talk)
		}
	}
	each(func() { curl(testbed.LargeURL + "40000000") })                                                  // ends with FIN
	each(func() { curl("http://[" + testbed.WebAddr6 + "]/large?bytes=40000000") })                       // over IPv6
	each(func() { curl("-k", "https://"+testbed.WebAddr+"/large?bytes=10000000") })                       // with a ClientHello
	each(func() { curl("--limit-rate", "2M", testbed.LargeURL+"9000000") })                               // for 4.5 seconds
	each(func() { reset(t, q) })                                                                          // ends with RST
	each(func() { r.stream(3000, time.Millisecond, frame(own+":1001", sink, protoUDP, 0, 500)) })         // UDP
	each(func() { r.stream(3000, time.Millisecond, frame("["+own6+"]:1002", sink6, protoUDP, 0, 1200)) }) // over IPv6
	each(func() { r.stream(2000, time.Millisecond, frame(own+":1003", sink, protoUDP, 0, 300, 0x81, 0, 0x20, 7)) })
	each(func() { // idle for longer than the timeout, on the same ports
		r.stream(1000, time.Millisecond, frame(own+":1004", sink, protoUDP, 0, 20))
		time.Sleep(3500 * time.Millisecond)
		r.stream(1000, time.Millisecond, frame(own+":1004", sink, protoUDP, 0, 20))
	})
	each(func() { // the active timeout is over in a pause that is shorter than the idle one
		r.stream(5000, time.Millisecond, frame(own+":1005", sink, protoUDP, 0, 100))
		time.Sleep(2 * time.Second)
		r.stream(1500, time.Millisecond, frame(own+":1005", sink, protoUDP, 0, 100))
	})
	each(func() { r.stream(20, 100*time.Millisecond, frame(own+":1006", sink, protoUDP, 0, 100)) }) // no bulk
	each(func() { reopen(r) })
	done.Wait()
}

// reset reads from a server and ends the connection with a reset.
func reset(t *testing.T, q *testbed.Qube) {
	var conn net.Conn
	err := q.Do(func() (err error) {
		conn, err = net.Dial("tcp", testbed.WebAddr+":80")
		return err
	})
	if err != nil {
		t.Error(err)
		return
	}
	fmt.Fprintf(conn, "GET /large?bytes=900000000 HTTP/1.0\r\n\r\n")
	_, err = io.CopyN(io.Discard, conn, 30_000_000)
	if err != nil {
		t.Error(err)
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// reopen sends connections one after the other on the same ports, each with bulk: the SYN
// of the next one comes at once after the last data of the one before.
func reopen(r *raw) {
	from, to := own+":1007", "192.0.2.200:443"
	for n := range 4 {
		begin := frame(from, to, protoTCP, syn, 0)
		begin[14+20+7] = byte(n + 1) // sequence number
		r.send(begin)
		r.stream(600, 500*time.Microsecond, frame(from, to, protoTCP, ack|psh*byte(n&1), 400))
		if n%2 == 0 {
			r.send(frame(from, to, protoTCP, rst, 0))
		}
		if n == 1 {
			r.send(frame(from, to, protoTCP, fin|ack, 0))
			r.stream(300, 500*time.Microsecond, frame(from, to, protoTCP, ack, 0))
		}
	}
}

// last returns a field of the last stats event.
func last(events beat.Events, field string) any {
	for _, e := range slices.Backward(events) {
		if v, ok := e[field]; ok {
			return v
		}
	}
	return nil
}

// at is a time or a duration in milliseconds, which two beats may see a little differently.
type at float64

func near(a, b at) bool { return a-b <= 1 && b-a <= 1 }

// parts of an event that are not compared: they belong to the beat, or to the event's place
// in the file.
var parts = []string{"agent.", "host.", "ecs.", "@metadata", "event.id", "event.sequence", "flow.id"}

// finals returns the final records of each flow, in order.
func finals(t *testing.T, events beat.Events) map[string][]map[string]any {
	t.Helper()
	out := map[string][]map[string]any{}
	for _, e := range events {
		if e["type"] != "flow" || e["flow.final"] != true {
			continue
		}
		key := keyOf(e)
		out[key] = append(out[key], comparable(t, e))
	}
	return out
}

// keyOf names the flow of an event.
func keyOf(e beat.Event) string {
	return fmt.Sprint(e["network.transport"], " ", e["source.ip"], ":", e["source.port"], " ", e["destination.ip"], ":", e["destination.port"], " ", e["network.vlan.id"])
}

// comparable returns what of an event is to be the same.
func comparable(t *testing.T, e beat.Event) map[string]any {
	out := map[string]any{}
	for name, v := range e {
		if slices.ContainsFunc(parts, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		switch name {
		case "@timestamp", "event.start", "event.end":
			when, err := time.Parse(time.RFC3339Nano, v.(string))
			if err != nil {
				t.Error(err)
			}
			v = at(when.UnixMilli())
		case "event.duration":
			v = at(v.(float64) / 1e6)
		}
		out[name] = v
	}
	return out
}

// checkInterim compares the numbers of interim reports of each flow: they are made by the
// clock of each beat, so that one more or less may fit, and none may say more than the end.
func checkInterim(t *testing.T, a, b beat.Events) {
	t.Helper()
	count := func(events beat.Events) map[string]int {
		n := map[string]int{}
		for _, e := range events {
			if e["type"] == "flow" && e["flow.final"] == false {
				n[keyOf(e)]++
			}
		}
		return n
	}
	want, got := count(a), count(b)
	for key, n := range want {
		if d := got[key] - n; d < -1 || d > 1 {
			t.Errorf("%s: %d interim reports; want %d", key, got[key], n)
		}
	}
	if len(want) == 0 {
		t.Error("no interim reports")
	}
}
