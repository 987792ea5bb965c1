package flow_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestTable_conversation holds that who has begun a conversation stays its initiator when it was
// silent for longer than a flow lives and the other side speaks next.
func TestTable_conversation(t *testing.T) {
	t.Parallel()
	const (
		us, them = "10.137.0.6:40000", "1.1.1.1:4444"
		dns      = "1.1.1.1:53"
		push     = packet.ACK | packet.PSH
		pause    = time.Minute
	)
	call := func(dst string) []packet.Packet { return []packet.Packet{udp(0, us, dst), udp(ms, dst, us)} }
	forward, back := us+" > "+them+" ", them+" > "+us+" "
	for name, tt := range map[string]struct {
		before []packet.Packet
		next   packet.Packet
		want   string
	}{
		"TCP":                     {handshake(0, us, them), tcp(pause, them, us, push), forward + "6 0/1 forced midstream"},
		"TCP, its initiator":      {handshake(0, us, them), tcp(pause, us, them, push), forward + "6 1/0 forced midstream"},
		"TCP, from the responder": {handshake(0, them, us), tcp(pause, us, them, push), back + "6 0/1 forced midstream"},
		"TCP, opened again":       {handshake(0, us, them), tcp(pause, them, us, packet.SYN), back + "6 1/0 forced syn_sent"},
		"TCP, closed": {append(handshake(0, us, them), tcp(ms*5, us, them, packet.RST)), tcp(pause, them, us, push),
			back + "6 1/0 forced midstream"},
		"TCP, unanswered":             {[]packet.Packet{tcp(0, us, them, packet.SYN)}, tcp(pause, them, us, push), back + "6 1/0 forced midstream"},
		"UDP":                         {call(them), udp(pause, them, us), forward + "17 0/1 forced"},
		"UDP, unanswered":             {[]packet.Packet{udp(0, us, them)}, udp(pause, them, us), back + "17 1/0 forced"},
		"UDP, of a resolver":          {call(dns), udp(pause, dns, us), dns + " > " + us + " 17 1/0 forced"},
		"after two hours":             {call(them), udp(3*time.Hour, them, us), back + "17 1/0 forced"},
		"somewhere else":              {call(them), elsewhere(udp(pause, them, us)), back + "17 1/0 forced"},
		"the same ports, another one": {call(them), udp(pause, "1.1.1.2:4444", us), "1.1.1.2:4444 > " + us + " 17 1/0 forced"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMeter(t).meter(tt.before...)
			m.Advance(at(40 * time.Second))
			m.records = nil
			m.meter(tt.next).Flush(flow.ReasonForced)
			m.want(t, tt.want)
		})
	}
}

// elsewhere returns a packet on another interface.
func elsewhere(p packet.Packet) packet.Packet {
	p.Iface = 2
	return p
}

// TestTable_conversation_again holds that a conversation is remembered as often as it falls silent,
// and over an eviction, but not when the table begins with other packets.
func TestTable_conversation_again(t *testing.T) {
	t.Parallel()
	const us, them = "10.137.0.6:40000", "1.1.1.1:4444"
	m := newMeter(t, func(c *flow.Config) { c.MaxFlows = 1 })
	const often = 90 * time.Minute
	m.meter(udp(0, us, them), udp(ms, them, us))
	for i := range time.Duration(3) {
		m.meter(udp((i+1)*often, them, us), udp((i+1)*often+ms, us, them))
	}
	m.meter(elsewhere(udp(3*often+2*ms, us, "9.9.9.9:9")), udp(3*often+3*ms, them, us))
	m.meter(udp(4*often, them, us)) // the one before has the responder's packets only
	m.Advance(at(4*often + time.Minute))
	m.Restart()
	m.meter(udp(5*often, them, us)).Flush(flow.ReasonForced)
	is := us + " > " + them + " 17 "
	m.want(t, is+"1/1 idle", is+"1/1 idle", is+"1/1 idle", is+"1/1 evicted", us+" > 9.9.9.9:9 17 1/0 evicted", is+"0/1 idle", is+"0/1 idle", them+" > "+us+" 17 1/0 forced")
}

// TestTable_conversation_closed holds that one that was silent and is closed then has come to an end.
func TestTable_conversation_closed(t *testing.T) {
	t.Parallel()
	const us, them = "10.137.0.6:40000", "1.1.1.1:4444"
	m := newMeter(t).meter(handshake(0, us, them)...)
	m.meter(tcp(time.Minute, us, them, packet.RST|packet.ACK), tcp(2*time.Minute, them, us, packet.ACK)).Flush(flow.ReasonForced)
	m.want(t, us+" > "+them+" 6 2/1 idle established", us+" > "+them+" 6 1/0 end reset", them+" > "+us+" 6 1/0 forced midstream")
}

// TestTable_conversation_flood holds that one interface has only its own conversations forgotten.
func TestTable_conversation_flood(t *testing.T) {
	t.Parallel()
	const us, them = "10.137.0.6:40000", "1.1.1.1:4444"
	m := newMeter(t, func(c *flow.Config) { c.MaxFlows = 16 })
	m.meter(udp(0, us, them), udp(ms, them, us))
	m.Advance(at(40 * time.Second))
	for i := range 20_000 {
		to := fmt.Sprintf("9.9.%d.%d:9", i>>8, i&255)
		when := 40*time.Second + time.Duration(i)*ms
		m.meter(elsewhere(udp(when, us, to)), elsewhere(udp(when, to, us)))
	}
	m.Flush(flow.ReasonForced)
	m.records = nil
	m.meter(udp(61*time.Second, them, us)).Flush(flow.ReasonForced)
	m.want(t, us+" > "+them+" 17 0/1 forced")
}

// TestTable_Notice_resumed notices that a flow does not begin with a packet of its initiator.
func TestTable_Notice_resumed(t *testing.T) {
	t.Parallel()
	got := notices(t, udp(0, client, server), udp(ms, server, client), udp(time.Minute, server, client))
	want := []string{"0s opened 10.137.0.6:40000>1.1.1.1:443", "1ms answered 10.137.0.6:40000>1.1.1.1:443",
		"1m0s opened 10.137.0.6:40000>1.1.1.1:443 midstream"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("notices mismatch (-want +got):\n%s", diff)
	}
}
