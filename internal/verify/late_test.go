package verify_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestVerifier_late_answer fails ISO-4 by an answer that comes late, also to an attempt that alone would prove nothing.
func TestVerifier_late_answer(t *testing.T) {
	t.Parallel()
	const to = "10.137.0.5:5353"
	fragment := func(b []byte) { b[20] = 0x20; checksum(b) }
	large := frame{iface: ofWork, proto: packet.ProtoUDP, src: srcWork + ":5", dst: to, pad: 3000}
	udp := frame{iface: ofWork, proto: packet.ProtoUDP, src: srcWork + ":5", dst: to, payload: []byte("x")}
	options := udp
	options.options = []byte{1, 1, 1, 0}
	for name, tt := range map[string]struct {
		try    frame
		change func([]byte)
	}{"a datagram": {udp, unaltered}, "fragments": {udp, fragment}, "a large one": {large, unaltered}, "options": {options, unaltered}} {
		for late, want := range map[time.Duration]string{
			500 * time.Millisecond: "fail", 3 * time.Second: "fail", 90 * time.Second: "fail", 130 * time.Second: "pass",
		} {
			l := newLab(t)
			l.tcp(ofWork, srcWork+":6", "10.137.0.5:8082", syn, nil) // stays without an answer
			l.altered(tt.try, 0, tt.change)
			for left := late; left > 0; left -= time.Second {
				l.wait(min(left, time.Second))
			}
			l.send(frame{iface: ofWork, out: true, proto: packet.ProtoUDP, src: to, dst: tt.try.src, payload: []byte("y")})
			l.wait(2 * time.Second)
			if _, ok := l.want("ISO-4 work " + want); !ok {
				t.Errorf("by an answer to %s after %v", name, late)
			}
		}
	}
}

// TestVerifier_late_answer_of_many knows nothing of ISO-4 if there were more attempts than it remembers and a datagram
// comes that may be the answer to one.
func TestVerifier_late_answer_of_many(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		n    int
		wait bool
		want string
	}{{50, false, "pass"}, {100, false, "unknown(capture-lost)"}, {100, true, "pass"}} {
		l := newLab(t)
		for i := range tt.n {
			l.udp(ofWork, srcWork+":5", fmt.Sprintf("10.137.0.5:%d", 1000+i), nil)
			l.wait(time.Second / 4)
		}
		l.wait(3 * time.Second)
		l.want("ISO-4 work pass")
		if tt.wait {
			l.wait(2 * time.Minute)
		}
		l.send(frame{iface: ofWork, out: true, proto: packet.ProtoUDP, src: "10.137.0.5:999", dst: srcWork + ":5", payload: []byte("y")})
		l.want("ISO-4 work " + tt.want)
	}
}
