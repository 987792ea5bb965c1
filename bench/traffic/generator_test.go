package traffic_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/qubesbeat/qubesbeat/bench/pcapfile"
	"github.com/qubesbeat/qubesbeat/bench/traffic"
)

// generate returns the capture that c describes.
func generate(tb testing.TB, c *traffic.Config) []byte {
	tb.Helper()

	buf := &bytes.Buffer{}
	w, err := pcapfile.NewWriter(buf)
	if err != nil {
		tb.Fatal(err)
	}

	if err = c.Generate(w); err != nil {
		tb.Fatal(err)
	}

	if err = w.Flush(); err != nil {
		tb.Fatal(err)
	}

	return buf.Bytes()
}

// TestConfig_Generate reads the capture with gopacket, which shares no code
// with the generator.
func TestConfig_Generate(t *testing.T) {
	t.Parallel()

	c := &traffic.Config{Packets: 20_000, Flows: 500, Seed: 1}
	r, err := pcapgo.NewReader(bytes.NewReader(generate(t, c)))
	if err != nil {
		t.Fatal(err)
	}

	packets, flows := 0, map[[2]uint64]int{}
	var first, last time.Time
	for {
		data, ci, err := r.ReadPacketData()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}

		if packets == 0 {
			first = ci.Timestamp
		}

		if ci.Timestamp.Before(last) {
			t.Fatalf("packet %d at %v comes before %v", packets, ci.Timestamp, last)
		}

		last = ci.Timestamp
		packets++

		p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.NoCopy)
		if e := p.ErrorLayer(); e != nil {
			t.Fatalf("packet %d: %v", packets, e.Error())
		}

		flows[key(p)]++
		checkLengths(t, p)
		checkChecksums(t, p)
	}

	if diff := cmp.Diff([2]int{c.Packets, c.Flows}, [2]int{packets, len(flows)}); diff != "" {
		t.Errorf("packets and flows mismatch (-want +got):\n%s", diff)
	}

	if d := last.Sub(first); d > 25*time.Second {
		t.Errorf("capture lasts %v; want at most 25 s", d)
	}
}

// key returns the same for both directions of a flow.
func key(p gopacket.Packet) [2]uint64 {
	k := [2]uint64{p.NetworkLayer().NetworkFlow().FastHash()}
	if tl := p.TransportLayer(); tl != nil {
		k[1] = tl.TransportFlow().FastHash()
	}

	return k
}

// checkLengths checks the length fields of IP and UDP.
func checkLengths(t *testing.T, p gopacket.Packet) {
	t.Helper()

	var got int
	switch l := p.NetworkLayer().(type) {
	case *layers.IPv4:
		got = int(l.Length)
	case *layers.IPv6:
		got = int(l.Length) + 40
	}

	if want := len(p.Data()) - 14; got != want {
		t.Errorf("IP length = %d; want %d", got, want)
	}

	if l, ok := p.TransportLayer().(*layers.UDP); ok && int(l.Length) != 8+len(l.Payload) {
		t.Errorf("UDP length = %d; want %d", l.Length, 8+len(l.Payload))
	}
}

// checkChecksums checks that all checksums are right, which is so if the sum
// over the checked words and the checksum has all bits set (RFC 1071).
func checkChecksums(t *testing.T, p gopacket.Packet) {
	t.Helper()

	segment := p.NetworkLayer().LayerPayload()
	var pseudo []byte
	switch l := p.NetworkLayer().(type) {
	case *layers.IPv4:
		if got := ones(l.Contents); got != 0xffff {
			t.Errorf("IPv4 header sums up to %#x; want 0xffff", got)
		}

		if l.Protocol != layers.IPProtocolICMPv4 {
			pseudo = append(append(pseudo, l.SrcIP.To4()...), l.DstIP.To4()...)
			pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(l.Protocol))
			pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(len(segment)))
		}
	case *layers.IPv6:
		pseudo = append(append(pseudo, l.SrcIP...), l.DstIP...)
		pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(l.NextHeader))
		pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(len(segment)))
	}

	if got := ones(append(pseudo, segment...)); got != 0xffff {
		t.Errorf("%v sums up to %#x; want 0xffff", p.Layers(), got)
	}
}

// ones returns the one's complement sum of b.
func ones(b []byte) (s uint32) {
	for i, c := range b {
		s += uint32(c) << (8 * (1 - i%2))
	}

	for s > 0xffff {
		s = s>>16 + s&0xffff
	}

	return s
}

// TestConfig_Generate_same fails if the bytes change. Then formatVersion must
// grow, or old files are taken for new ones.
func TestConfig_Generate_same(t *testing.T) {
	t.Parallel()

	const want = "b148ec4ea13bff7b33d0cc05038127959592c4e2a5c345309f579d094e112e3f"

	sum := sha256.Sum256(generate(t, &traffic.Config{Packets: 5000, Flows: 300, Seed: 1}))
	if diff := cmp.Diff(want, hex.EncodeToString(sum[:])); diff != "" {
		t.Errorf("digest mismatch (-want +got):\n%s", diff)
	}
}

// TestConfig_Validate covers the limits.
func TestConfig_Validate(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name string
		in   traffic.Config
		want bool
	}{
		{name: "smallest", in: traffic.Config{Packets: 1, Flows: 1}, want: true},
		{name: "no flows", in: traffic.Config{Packets: 1}, want: false},
		{name: "no packets", in: traffic.Config{Flows: 1}, want: false},
		{name: "too many flows", in: traffic.Config{Packets: 1 << 30, Flows: traffic.MaxFlows + 1}, want: false},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if got := tt.in.Validate() == nil; got != tt.want {
				t.Errorf("Validate() == nil is %v; want %v", got, tt.want)
			}
		})
	}
}
