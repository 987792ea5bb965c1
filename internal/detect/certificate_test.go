package detect_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/detect"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// value returns a value in DER.
func value(tag byte, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	return append([]byte{tag, 0x82, byte(len(body) >> 8), byte(len(body))}, body...)
}

// firstSegment returns the first segment of a TLS server whose certificate an issuer has issued to a
// subject, for some names.
func firstSegment(issuer, subject string, names ...string) []byte {
	validity := value(0x30, value(0x17, []byte("200203040506Z")), value(0x18, []byte("99991231235959Z")))
	var list []byte
	for _, name := range names {
		list = append(list, value(0x82, []byte(name))...)
	}
	extension := value(0x30, value(0x06, []byte{0x55, 0x1d, 0x11}), value(0x04, value(0x30, list)))
	tbs := value(0x30, value(0xa0, value(2, []byte{2})), value(2, []byte{1}), value(0x30), value(0x30, []byte(issuer)), validity,
		value(0x30, []byte(subject)), value(0x30, make([]byte, 300)), value(0xa3, value(0x30, extension)))
	cert := value(0x30, tbs)
	body := append([]byte{2, 0, 0, 70}, make([]byte, 70)...)
	n := len(cert)
	body = append(body, 11, 0, byte((n+6)>>8), byte(n+6), 0, byte((n+3)>>8), byte(n+3), 0, byte(n>>8), byte(n))
	body = append(body, cert...)
	return append([]byte{22, 3, 3, byte(len(body) >> 8), byte(len(body))}, body...)
}

// segment returns a frame with a segment of TCP from the web to the client.
func segment(tb testing.TB, data []byte, direction packet.Direction) (packet.Packet, []byte) {
	tb.Helper()
	b := make([]byte, 14+20+20, 14+20+20+len(data))
	b[12], b[14], b[22], b[23] = 8, 0x45, 64, packet.ProtoTCP
	binary.BigEndian.PutUint16(b[16:], uint16(40+len(data)))
	copy(b[26:], web.AsSlice())
	copy(b[30:], client.AsSlice())
	binary.BigEndian.PutUint16(b[34:], 4782)
	binary.BigEndian.PutUint16(b[36:], 40000)
	b[46], b[47] = 5<<4, 0x18
	b = append(b, data...)
	p := packet.Packet{Time: start, Length: uint32(len(b)), Iface: 7, Direction: direction}
	if s := p.Decode(packet.LinkEthernet, b); s != packet.OK {
		tb.Fatalf("Decode = %v", s)
	}
	return p, b
}

// TestFeed_certificate passes on a certificate that no authority has issued, once its packet is
// metered, and the translator says whose connection it was.
func TestFeed_certificate(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		data []byte
		want int
	}{"own": {firstSegment("rat", "rat"), 1}, "of an authority": {firstSegment("CA", "www"), 0}, "cut": {firstSegment("rat", "rat")[:120], 0}, "data": {make([]byte, 1400), 0}} {
		var items []detect.Item
		feed := detect.NewFeed(func(list ...detect.Item) { items = append(items, list...) }, nil)
		p, b := segment(t, tt.data, packet.Outbound)
		feed.Packet(&p, b)
		if len(items) > 0 {
			t.Errorf("%s: %d items before the packet is metered", name, len(items))
		}
		feed.Close()
		if len(items) != tt.want {
			t.Errorf("%s: %d items; want %d", name, len(items), tt.want)
		}
		if len(items) == 0 {
			continue
		}
		tr := detect.NewTranslator(detect.Config{Qubes: true, Enricher: &enrich.Enricher{Qubes: inventory{}, Name: func(uint32) string { return "vif7.0" }}})
		o, _ := tr.Translate(&items[0])
		if o == nil || o.Kind != behaviour.Presented || o.Subject != "work" || o.Addr != web || o.Port != 4782 || o.Place != behaviour.World || o.Certificate == nil ||
			tr.Source != netip.AddrPortFrom(client, 40000) {
			t.Errorf("%s: %+v, source %v; want a certificate that work was sent", name, o, tr.Source)
		}
	}
}

// TestFeed_otherNames passes on a certificate for other names than the client has asked for a moment
// ago, and none for what it has not asked for or what is not known.
func TestFeed_otherNames(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		asked string
		names []string
		want  int
	}{
		"the name":    {"www.example", []string{"mail.example", "www.example"}, 0},
		"other names": {"www.example", []string{"mail.example", "*.www.example"}, 1},
		"no names":    {"www.example", nil, 0},
		"not asked":   {"", []string{"mail.example"}, 0},
	} {
		var items []detect.Item
		feed := detect.NewFeed(func(list ...detect.Item) { items = append(items, list...) }, func(r *flow.Record) *clienthello.Hello {
			if r.Source.Addr.Netip(r.Family) != client || r.Source.Port != 40000 || r.Born >= start-5e9 || r.End < start {
				t.Errorf("%s: asked for the ClientHello of %+v", name, r)
			}
			return &clienthello.Hello{ServerName: tt.asked}
		})
		p, b := segment(t, firstSegment("CA", "www", tt.names...), packet.Outbound)
		feed.Packet(&p, b)
		feed.Close()
		if len(items) != tt.want {
			t.Errorf("%s: %d items; want %d", name, len(items), tt.want)
		}
		if len(items) == 0 {
			continue
		}
		tr := detect.NewTranslator(detect.Config{Enricher: &enrich.Enricher{Qubes: inventory{}, Name: func(uint32) string { return "eth0" }}})
		if o, _ := tr.Translate(&items[0]); o == nil || o.Name != tt.asked || !o.Certificate.OtherNames || o.Certificate.SelfIssued {
			t.Errorf("%s: %+v; want a certificate for other names than %s", name, o, tt.asked)
		}
	}
}
