package verify_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestVerifier_answer_to_peer fails the qube that has begun to talk to another one, and not the one that answers; unless
// nothing of it came through.
func TestVerifier_answer_to_peer(t *testing.T) {
	t.Parallel()
	const us, them = srcWork + ":5000", "10.137.0.9:22"
	const late = 99 // a TTL
	udp := frame{proto: packet.ProtoUDP, payload: []byte("hello")}
	for name, tt := range map[string]struct {
		begin, answer frame
		pieces        int // in which the first comes through; 0 for none
		beginner      string
		receiver      string
	}{
		"a datagram":                    {udp, frame{proto: packet.ProtoUDP, payload: []byte("yes")}, 1, "fail", "unknown(no-traffic)"},
		"a datagram, and an error":      {udp, frame{proto: packet.ProtoICMP, icmp: 3, payload: make([]byte, 28)}, 1, "fail", "unknown(no-traffic)"},
		"an attempt that is refused":    {frame{proto: packet.ProtoTCP, flags: syn}, frame{proto: packet.ProtoTCP, flags: packet.RST | packet.ACK}, 1, "fail", "unknown(no-traffic)"},
		"an attempt that is accepted":   {frame{proto: packet.ProtoTCP, flags: syn}, frame{proto: packet.ProtoTCP, flags: synAck}, 1, "fail", "unknown(no-traffic)"},
		"a ping":                        {frame{proto: packet.ProtoICMP, icmp: 8}, frame{proto: packet.ProtoICMP, icmp: 0}, 1, "fail", "unknown(no-traffic)"},
		"a ping, and one back":          {frame{proto: packet.ProtoICMP, icmp: 8}, frame{proto: packet.ProtoICMP, icmp: 8}, 1, "fail", "fail"},
		"an attempt, and one back":      {frame{proto: packet.ProtoTCP, flags: syn}, frame{proto: packet.ProtoTCP, flags: syn}, 1, "fail", "fail"},
		"a large one, in fragments":     {frame{proto: packet.ProtoUDP, pad: 3000}, frame{proto: packet.ProtoICMP, icmp: 3, payload: make([]byte, 28)}, 3, "fail", "unknown(no-traffic)"},
		"a large segment, in several":   {frame{proto: packet.ProtoTCP, flags: data, pad: 3000}, frame{proto: packet.ProtoTCP, flags: packet.ACK}, 2, "fail", "unknown(no-traffic)"},
		"what has not come through":     {udp, frame{proto: packet.ProtoUDP, payload: []byte("yes")}, 0, "pass", "fail"},
		"an error about what has not":   {udp, frame{proto: packet.ProtoICMP, icmp: 3, payload: make([]byte, 28)}, 0, "pass", "fail"},
		"an answer from another port":   {udp, frame{proto: packet.ProtoUDP, src: "10.137.0.9:23", payload: []byte("yes")}, 1, "fail", "fail"},
		"an answer by another protocol": {udp, frame{proto: packet.ProtoTCP, flags: packet.RST | packet.ACK}, 1, "fail", "fail"},
		"an answer after a long time":   {udp, frame{proto: packet.ProtoUDP, payload: []byte("yes"), ttl: late}, 1, "fail", "fail"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.uplink()
			in := tt.begin
			in.iface, in.src, in.dst = ofWork, us, them
			l.send(in)
			for i := range tt.pieces {
				out := in
				out.iface, out.out, out.pad = ofUntrusted, true, in.pad/tt.pieces
				l.altered(out, 0, func(b []byte) {
					if tt.pieces == 3 {
						b[20], b[21] = 0x20, byte(i*125)
						checksum(b)
					}
				})
			}
			back := tt.answer
			back.iface, back.dst = ofUntrusted, us
			if back.src == "" {
				back.src = them
			}
			if back.ttl == late {
				l.wait(6 * time.Minute)
			}
			l.send(back)
			back.iface, back.out = ofWork, true
			l.send(back)
			l.wait(3 * time.Second)
			if n := l.result("work", "ISO-1").Evidence.Against; tt.beginner == "fail" && tt.receiver != "fail" && n != 1 {
				t.Errorf("%d packets against the one that has begun; want 1", n)
			}
			l.want("ISO-1 work " + tt.beginner + "; ISO-1 untrusted " + tt.receiver)
		})
	}
}
