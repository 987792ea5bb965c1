package shunt

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// BenchmarkProgram has the kernel run the program on one frame, many times in one call:
// while no flow is counted, for a packet of a flow that is not, and for one of a flow that is.
func BenchmarkProgram(b *testing.B) {
	s, err := Open(Config{Silence: time.Hour, ClientHellos: true})
	if err != nil {
		b.Skipf("%v; run as root", err)
	}
	defer func() { _ = s.Close() }()
	frame := make([]byte, 600)
	frame[12], frame[14], frame[23], frame[46] = 8, 0x45, packet.ProtoTCP, 5<<4
	frame[47] = packet.ACK
	binary.BigEndian.PutUint16(frame[16:], uint16(len(frame)-14))
	copy(frame[26:], []byte{10, 137, 0, 6, 192, 0, 2, 53, 0xc0, 1, 0x1f, 0x90})
	var p packet.Packet
	if status := p.Decode(packet.LinkEthernet, frame); status != packet.OK {
		b.Fatal(status)
	}
	p.Iface = loopback // where the kernel has such frames come from
	k := keyOf(&p)
	tag := k.hash(s.seed)
	at := uint16(bucketOf(tag)*ways + 1)
	run := func(name string, verdict uint32) {
		b.Run(name, func(b *testing.B) {
			ret, d, err := s.program.Benchmark(frame, b.N, b.ResetTimer)
			if err != nil {
				b.Fatal(err)
			}
			if ret != verdict {
				b.Fatalf("the program returns %d; want %d", ret, verdict)
			}
			b.ReportMetric(float64(d.Nanoseconds()), "ns/op")
		})
	}
	run("none", toRing)
	s.live().Store(1)
	run("other", toRing)
	s.write(at, &k)
	s.tag(at).Store(tag)
	run("counted", toSink)
}
