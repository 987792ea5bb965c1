package detect_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// port53 is the server of the tests.
var port53 = netip.AddrPortFrom(web, 53)

// segmentOf returns a frame with a segment of TCP, and the packet that it is.
func segmentOf(tb testing.TB, src, dst netip.AddrPort, at int64, data []byte) (packet.Packet, []byte) {
	tb.Helper()
	_, b := frame(tb, src, dst, at, append(make([]byte, 12), data...)) // UDP has 8 bytes where TCP has 20
	b[23], b[46], b[47] = packet.ProtoTCP, 0x50, packet.ACK|packet.PSH
	clear(b[38:46])
	p := packet.Packet{Time: at, Length: uint32(len(b)), Iface: 7, Direction: packet.Inbound}
	if s := p.Decode(packet.LinkEthernet, b); s != packet.OK {
		tb.Fatalf("Decode = %v", s)
	}
	return p, b
}

// framed returns a message with its length in front.
func framed(msg []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
}

// TestFeed_foreign names what is no DNS on its port, and nothing that may be.
func TestFeed_foreign(t *testing.T) {
	t.Parallel()
	query := message(t, "www.example.org")
	record := []byte{0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7}
	update := slices.Concat([]byte{0, 1, 0x28, 0, 0, 1, 0, 0, 0, 1, 0, 0}, query[dnsmsg.HeaderSize:], record)
	notify := slices.Concat([]byte{0, 1, 0x24, 0, 0, 1, 0, 0, 0, 0, 0, 0}, query[dnsmsg.HeaderSize:])
	odd := []byte{0, 1, 0x48, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3} // opcode 9, no question
	two := append([]byte{0, 1, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0}, append(query[dnsmsg.HeaderSize:], query[dnsmsg.HeaderSize:]...)...)
	for name, tt := range map[string]struct {
		tcp, back, cut bool
		payload        []byte
		want           bool
	}{
		"WireGuard":                      {payload: append([]byte{4, 0, 0, 0, 9, 9, 9, 9}, make([]byte, 24)...), want: true},
		"text":                           {payload: []byte("id; uname -a; cat /etc/passwd\n"), want: true},
		"text of the server":             {back: true, payload: []byte("uid=0(root) gid=0(root)"), want: true},
		"a few bytes":                    {payload: []byte("ls\n"), want: true},
		"text over TCP":                  {tcp: true, payload: []byte("uid=0(root) gid=0(root) groups=0(root)"), want: true},
		"TLS over TCP":                   {tcp: true, payload: []byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 9, 9, 9, 9, 9, 9, 9}, want: true},
		"an opcode that is not assigned": {payload: odd, want: true},
		"a bit that must be zero":        {payload: []byte{0, 1, 0, 0x40, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3}, want: true},
		"a notice of a change":           {payload: notify},
		"zeros":                          {payload: make([]byte, 40), want: true},
		"two questions":                  {payload: two, want: true},
		"a query":                        {payload: query},
		"a query over TCP":               {tcp: true, payload: framed(query)},
		"an update":                      {payload: update},
		"the middle of a response":       {tcp: true, back: true, payload: []byte("uid=0(root) gid=0(root) groups=0(root)")},
		"a command over TCP":             {tcp: true, payload: []byte("ls\n"), want: true},
		"bytes behind a query":           {payload: append(slices.Clone(query), "id; uname -a"...), want: true},
		"those over TCP":                 {tcp: true, payload: framed(append(slices.Clone(query), "id; uname -a"...)), want: true},
		"the first half of a query":      {tcp: true, payload: framed(query)[:20]},
		"two queries":                    {tcp: true, payload: append(framed(query), framed(query)...)},
		"a response":                     {back: true, payload: message(t, "www.example.org", web, web6)},
		"a length alone":                 {tcp: true, payload: []byte{0, 33}},
		"what the capture has cut":       {cut: true, payload: []byte("id; uname -a; cat /etc/passwd\n")},
		"nothing":                        {payload: nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			src, dst, make := netip.AddrPortFrom(client, 40000), port53, frame
			if tt.tcp {
				make = segmentOf
			}
			if tt.back {
				src, dst = dst, src
			}
			var proto uint8
			for range 2 {
				p, b := make(t, src, dst, start, tt.payload)
				if tt.cut {
					p.Length += 100
				}
				w.Packet(&p, b)
				proto = p.Proto
			}
			w.Notice(opened(proto, start+2))
			w.Close()
			if got := w.seen[len(w.seen)-1][len("2ns 1 work "):] == " foreign"; got != tt.want {
				t.Errorf("seen %q; want foreign: %v", w.seen, tt.want)
			}
		})
	}
}

// opened returns the notice of a flow to port 53.
func opened(proto uint8, at int64) *flow.Notice {
	n := &flow.Notice{Kind: flow.Opened, At: at, Born: at, Iface: 7, Proto: proto, SourcePort: 40001, DestinationPort: 53, FromSource: packet.Inbound}
	n.Source, n.Family = packet.AddrFrom(client)
	n.Destination, _ = packet.AddrFrom(web)
	return n
}

// TestFeed_foreign_share holds that one packet that is no DNS is not enough, nor are a few among many
// messages, and that it counts for an hour, whatever comes between.
func TestFeed_foreign_share(t *testing.T) {
	t.Parallel()
	query, shell := message(t, "www.example.org"), []byte("id; uname -a; cat /etc/passwd\n")
	for name, tt := range map[string]struct {
		shells, queries int           // packets, mixed
		after           time.Duration // after the last
		want            bool
	}{
		"one":              {1, 0, time.Second, false},
		"two":              {2, 0, time.Second, true},
		"half an hour":     {2, 0, 30 * time.Minute, true},
		"after an hour":    {2, 0, 61 * time.Minute, false},
		"as many queries":  {20, 20, time.Second, true},
		"queries before":   {3, 100, time.Second, false},
		"two of a hundred": {2, 100, time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			at := start
			say := func(data []byte) {
				at += int64(time.Second)
				p, b := frame(t, netip.AddrPortFrom(client, 40000), port53, at, data)
				w.Packet(&p, b)
				w.Notice(opened(packet.ProtoUDP, at))
			}
			for i := range max(tt.shells, tt.queries) {
				if i < tt.queries {
					say(query)
				}
				if i >= tt.queries-tt.shells && i < max(tt.queries, tt.shells) && tt.shells > 0 {
					say(shell)
				}
			}
			w.Notice(opened(packet.ProtoUDP, at+int64(tt.after)))
			w.Close()
			last := w.seen[len(w.seen)-1]
			if got := strings.HasSuffix(last, " foreign"); got != tt.want {
				t.Errorf("at the end %q; want foreign: %v", last, tt.want)
			}
		})
	}
}
