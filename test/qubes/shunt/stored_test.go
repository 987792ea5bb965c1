//go:build linux

package shunt_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// TestShunt_stored has two qubes move bulk, of which one is excluded from the store of
// packets: the kernel counts only that one's, and each packet of the other is stored.
func TestShunt_stored(t *testing.T) {
	nw := testbed.New(t, testbed.Config{})
	work := nw.AddClient(testbed.Client{Name: "work", Label: "blue", DomID: 4, IP: netip.MustParseAddr(own)})
	mail := nw.AddClient(testbed.Client{Name: "mail", Label: "blue", DomID: 5, IP: netip.MustParseAddr("10.137.0.7")})
	nw.Settle()
	home := beat.NewHome(t)
	nw.WriteInventory(home + "/inventory")
	b := beat.Start(t, nw, home, strings.Replace(config, "SHUNT", "auto", 1)+`
  packets: {enabled: true, exclude: [{qubes: [work]}], min_free: 1MiB}`)
	b.AwaitLog(t, "following interface", "interface", work.Vif)
	b.AwaitLog(t, "following interface", "interface", mail.Vif)
	const each = 4000
	var done sync.WaitGroup
	done.Go(func() { newRaw(t, work).stream(each, time.Millisecond, frame(own+":1001", sink, protoUDP, 0, 500)) })
	done.Go(func() {
		newRaw(t, mail).stream(each, time.Millisecond, frame("10.137.0.7:1001", sink, protoUDP, 0, 500))
	})
	done.Wait()
	time.Sleep(4 * time.Second) // both flows have been idle for longer than the timeout
	events := b.Stop(t)
	state := fmt.Sprint(last(events, "stats.capture.shunt"))
	if strings.Contains(state, "CAP_BPF") {
		t.Skipf("the kernel counts no flows for this user: %s; run as root", state)
	}
	counted, _ := last(events, "stats.capture.shunted_frames").(float64)
	if !strings.HasPrefix(state, "on") || counted < each/4 || counted > each {
		t.Errorf("%v frames were counted in the kernel, the shunt is %s; want most of the %d of one qube", counted, state, each)
	}
	written, _ := last(events, "stats.packets.written").(float64)
	if written < each {
		t.Errorf("%v packets are stored; want the %d of the other qube", written, each)
	}
	flows := finals(t, events)
	for _, from := range []string{own, "10.137.0.7"} {
		key := "udp " + from + ":1001 192.0.2.200:9000 <nil>"
		if f := flows[key]; len(f) != 1 || f[0]["network.packets"] != float64(each) {
			t.Errorf("%s: %v; want one flow of %d packets", key, f, each)
		}
	}
}
