package verify_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestVerifier_Packets_behind has a packet whose flow is settled follow, in the same batch, one
// that makes it worth a look.
func TestVerifier_Packets_behind(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]func(*lab) (got, want string){
		"a packet that the rules drop comes out": func(l *lab) (got, want string) {
			l.qvmFirewall("10.137.0.6", "policy=drop")
			l.wait(6 * time.Second)
			out := frame{iface: eth0, out: true, proto: packet.ProtoTCP, src: "192.168.1.5:1", dst: server, flags: data, payload: []byte("x")}
			l.send(out) // of its flow nothing is looked for
			l.flush()
			l.tcp(ofWork, "10.137.0.6:1", server, data, []byte("x"))
			l.send(out)
			l.wait(2 * time.Second)
			return l.got("work", "ISO-6"), "fail"
		},
		"a question is answered": func(l *lab) (got, want string) {
			const stun = "198.51.100.7:3478"
			for range 2 { // what comes from there is settled
				l.answer(stun, "10.137.0.6:5000", []byte("other data"))
			}
			l.flush()
			l.exchange(stun, bind(), mapped(transaction, "203.0.113.99"))
			l.flush()
			if list := l.externals(); len(list) > 0 {
				got = list[0]
			}
			return got, "work 203.0.113.99 stun"
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.batch = flow.BatchSize
			if got, want := play(l); got != want {
				t.Errorf("got %q; want %q", got, want)
			}
		})
	}
}
