package dom0_test

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// goesOn checks that the script pushes the present state, on the stream that it
// had or, where it has given that up, on a new one.
func (r *rig) goesOn(t *testing.T, stream net.Conn) {
	t.Helper()
	r.world.Change(func(qubes map[string]*dom0.Qube) { qubes["banking"].Label = "teal" }) // as no qube before
	_, _ = stream.Write(dom0.Established(t).Raw)
	for begin := time.Now(); time.Since(begin) < waitTimeout; {
		select {
		case again := <-r.qubesd.Streams:
			_, _ = again.Write(dom0.Established(t).Raw)
		case <-r.ended:
			t.Fatal("the script is dead")
		default:
		}
		if p, ok := r.run.Within(t, 20*time.Millisecond); ok && bytes.Contains(p.Text, []byte("teal")) {
			r.isTold(t, p)
			return
		}
	}
	t.Errorf("the script does not go on; it said %q", r.said(t))
}

// TestHostile_separator checks that a line is what dom0 calls a line: a value with
// another separator in it is still one value, and not a property of its own.
func TestHostile_separator(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		for name, separator := range map[string]string{"carriage return": "\r", "vertical tab": "\v", "form feed": "\f"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, release, dom0.Behaviour{})
				forged := "${1}quiet" + separator + "label default=False type=label black"
				r.qubesd.Spoil(func(method, name string, answer []byte) []byte {
					return replace(`^(kernelopts .* )swiotlb=2048$`, forged)(answer)
				})
				stdout, _, _ := r.printed(t)
				r.isTold(t, dom0.Push{Text: []byte(stdout)})
			})
		}
	})
}

// TestHostile_events checks that no stream of events ends the script.
func TestHostile_events(t *testing.T) {
	tests := []struct{ name, bytes string }{
		{"refused", "2\x00QubesDaemonAccessError\x00\x00no\x00"},
		{"not ASCII", "1\x00w\xf6rk\x00property-set:label\x00name\x00label\x00\x00"},
		{"not ASCII in the event", "1\x00work\x00property-set:\xff\x00\x00"},
		{"a qube of no name", "1\x00\x00domain-add\x00vm\x00\x00\x00"},
		{"nothing but zeros", "\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"no zeros", string(bytes.Repeat([]byte("x"), 1<<20))},
		{"an event without an end", "1\x00work\x00domain-start\x00" + string(bytes.Repeat([]byte("key\x00value\x00"), 1<<16))},
	}
	eachRelease(t, func(t *testing.T, release string) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, release, dom0.Behaviour{})
				stream, _ := r.begin(t)
				_ = stream.SetWriteDeadline(time.Now().Add(waitTimeout))
				if _, err := stream.Write([]byte(tt.bytes)); err != nil {
					t.Fatal(err)
				}
				r.run.Within(t, silence)
				_ = stream.Close() // nothing after such bytes can be understood
				r.goesOn(t, stream)
			})
		}
	})
}
