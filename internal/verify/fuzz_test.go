package verify_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// FuzzVerifier_Packet takes any frame on any interface, and keeps its balance.
func FuzzVerifier_Packet(f *testing.F) {
	f.Add(uint8(ofVPN), false, frame{proto: packet.ProtoUDP, src: "10.137.0.20:1", dst: endpoint, payload: []byte{1, 0, 0, 0}, pad: 147}.bytes())
	f.Add(uint8(ofWhonix), false, frame{proto: packet.ProtoTCP, src: "10.137.0.21:1", dst: server, flags: data, payload: []byte{22, 3, 1, 0, 5, 1, 0}}.bytes())
	f.Add(uint8(ofWork), true, frame{proto: packet.ProtoICMPv6, icmp: 1, src: "fe80::1", dst: "ff02::1"}.bytes())
	f.Add(uint8(ofVPN), false, frame{proto: 0, src: "[2001:db8::1]:1", dst: "[2001:db8::2]:1", payload: []byte{60, 0, 0, 0, 0, 0, 0, 0}}.bytes())
	f.Fuzz(func(t *testing.T, iface uint8, out bool, data []byte) {
		l := newLab(t)
		l.vpn()
		l.torExit()
		var p packet.Packet
		p.Time, p.Iface, p.Length, p.Direction = start, uint32(iface), uint32(len(data)), packet.Inbound
		if out {
			p.Direction = packet.Outbound
		}
		if p.Decode(packet.LinkEthernet, data) != packet.OK {
			return
		}
		for range 3 {
			l.judge(&p, data)
		}
		l.wait(2 * time.Second)
		if s := l.v.Stats(); s.Agree+s.Against+s.Own+s.NotJudged != s.Packets {
			t.Errorf("stats = %+v", s)
		}
		for _, r := range l.v.Results() {
			if strings.ContainsAny(r.Text, "\n\x1b") {
				t.Errorf("text = %q", r.Text)
			}
		}
	})
}

// FuzzReadRelays reads any text.
func FuzzReadRelays(f *testing.F) {
	f.Add("valid-after 2023-11-14 20:00:00\nr one AAAA 2038-01-01 00:00:00 203.0.113.20 9001 0\na [2001:db8::1]:9001\ns Guard Valid\n")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := verify.ReadRelays(strings.NewReader(text)); err == nil && r.Len() == 0 {
			t.Error("a list without relays")
		}
	})
}

// BenchmarkVerifier_Packet measures what a packet costs beside its decoding.
func BenchmarkVerifier_Packet(b *testing.B) {
	for name, f := range map[string]frame{
		"tunnel":  {iface: ofVPN, proto: packet.ProtoUDP, src: "10.137.0.20:40000", dst: endpoint, payload: []byte{4, 0, 0, 0}, pad: 1456},
		"clear":   {iface: ofWork, proto: packet.ProtoTCP, src: "10.137.0.6:1", dst: server, flags: data, payload: make([]byte, 1400)},
		"uplink":  {iface: eth0, out: true, proto: packet.ProtoTCP, src: "192.168.1.5:1", dst: server, flags: data, payload: make([]byte, 1400)},
		"against": {iface: ofVPN, proto: packet.ProtoTCP, src: "10.137.0.20:1", dst: server, flags: data, payload: make([]byte, 1400)},
	} {
		b.Run(name, func(b *testing.B) {
			l := newLab(b)
			l.vpn()
			bytes := f.bytes()
			var p packet.Packet
			p.Time, p.Iface, p.Length, p.Direction = l.now, f.iface, uint32(len(bytes)), packet.Inbound
			if f.out {
				p.Direction = packet.Outbound
			}
			p.Decode(packet.LinkEthernet, bytes)
			ps := slices.Repeat([]packet.Packet{p}, flow.BatchSize)
			var refs [flow.BatchSize]flow.Ref
			l.flows.UpdateBatchRefs(ps, &refs)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if ps[i%flow.BatchSize].Time += flow.BatchSize * 1000; i%flow.BatchSize == flow.BatchSize-1 {
					l.v.Packets(ps, func(int) []byte { return bytes }, refs[:])
				}
			}
		})
	}
}
