package hello_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/hello"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// start is the time of the first packet, in seconds.
const start = 1_700_000_000

// tlsHello returns the record with the first message of a client (RFC 8446
// section 5.1).
func tlsHello(tb testing.TB, name string) []byte {
	tb.Helper()
	msg := quicHello(tb, name)
	return append([]byte{22, 3, 1, byte(len(msg) >> 8), byte(len(msg))}, msg...)
}

// quicHello returns the message itself, as CRYPTO frames carry it.
func quicHello(tb testing.TB, name string) []byte {
	tb.Helper()
	c := tls.QUICClient(&tls.QUICConfig{TLSConfig: &tls.Config{ServerName: name, MinVersion: tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{tls.X25519}}})
	c.SetTransportParameters(nil)
	if err := c.Start(context.Background()); err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	for {
		switch e := c.NextEvent(); e.Kind {
		case tls.QUICWriteData:
			return append([]byte(nil), e.Data...)
		case tls.QUICNoEvent:
			tb.Fatal("the client says nothing")
		}
	}
}

// mac and expand are HKDF's two steps with SHA-256 (RFC 5869), the second with
// the label of RFC 8446 section 7.1.
func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func expand(secret []byte, label string, size int) []byte {
	label = "tls13 " + label
	return mac(secret, []byte{0, byte(size), byte(len(label))}, []byte(label), []byte{0, 1})[:size]
}

// quicInitial returns a datagram of 1200 bytes with the part of a message that
// begins at an offset (RFC 9001 section 5, RFC 9000 section 17.2.2).
func quicInitial(tb testing.TB, number byte, msg []byte, from, to int) []byte {
	tb.Helper()
	dcid := []byte{0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08}
	salt := []byte{0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a}
	header := append([]byte{0xc3, 0, 0, 0, 1, byte(len(dcid))}, dcid...)
	header = append(header, 0, 0) // no source connection ID, no token
	rest := 1200 - len(header) - 2
	header = binary.BigEndian.AppendUint16(header, 0x4000|uint16(rest))
	header = append(header, 0, 0, 0, number)
	payload := append([]byte{6, 0x40 | byte(from>>8), byte(from), 0x40 | byte((to-from)>>8), byte(to - from)}, msg[from:to]...)
	payload = append(payload, make([]byte, rest-4-16-len(payload))...)

	secret := expand(mac(salt, dcid), "client in", 32)
	key, err := aes.NewCipher(expand(secret, "quic key", 16))
	if err != nil {
		tb.Fatal(err)
	}
	aead, err := cipher.NewGCM(key)
	if err != nil {
		tb.Fatal(err)
	}
	nonce := expand(secret, "quic iv", 12)
	nonce[11] ^= number
	sealed := aead.Seal(header, nonce, payload, header)
	hp, err := aes.NewCipher(expand(secret, "quic hp", 16))
	if err != nil {
		tb.Fatal(err)
	}
	var mask [16]byte
	at := len(header) - 4
	hp.Encrypt(mask[:], sealed[at+4:][:16])
	sealed[0] ^= mask[0] & 0x0f
	for i := range 4 {
		sealed[at+i] ^= mask[1+i]
	}
	return sealed
}

// side is an endpoint of a conversation.
type side struct {
	addr string
	port uint16
}

var (
	client = side{"10.137.0.6", 50000}
	server = side{"1.1.1.1", 443}
)

// sent is one packet and the moment it was seen at, in milliseconds.
type sent struct {
	src, dst side
	at       int
	iface    uint32
	udp      bool
	flags    uint8
	seq      uint32
	data     []byte
}

// segment is a client's segment.
func segment(at int, seq uint32, data []byte) sent {
	return sent{src: client, dst: server, at: at, seq: seq, data: data, iface: 6, flags: packet.ACK}
}

// datagram is a client's datagram.
func datagram(at int, data []byte) sent {
	s := segment(at, 0, data)
	s.udp = true
	return s
}

// back turns a packet around.
func back(s sent) sent {
	s.src, s.dst = s.dst, s.src
	return s
}

// frame returns the packet as it is on the wire, with its decoded headers.
func (s *sent) frame(tb testing.TB) (frame []byte, p packet.Packet) {
	tb.Helper()
	src, dst := netip.MustParseAddr(s.src.addr).As4(), netip.MustParseAddr(s.dst.addr).As4()
	header, proto := make([]byte, 20), byte(packet.ProtoTCP) // RFC 9293 section 3.1
	if s.udp {
		header, proto = make([]byte, 8), packet.ProtoUDP // RFC 768
		binary.BigEndian.PutUint16(header[4:], uint16(8+len(s.data)))
	} else {
		binary.BigEndian.PutUint32(header[4:], s.seq)
		header[12], header[13] = 5<<4, s.flags
	}
	binary.BigEndian.PutUint16(header, s.src.port)
	binary.BigEndian.PutUint16(header[2:], s.dst.port)
	frame = []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, proto, 0, 0} // RFC 791
	frame = append(append(append(append(frame, src[:]...), dst[:]...), header...), s.data...)
	binary.BigEndian.PutUint16(frame[2:], uint16(len(frame)))
	if status := p.Decode(packet.LinkRaw, frame); status != packet.OK {
		tb.Fatal(status)
	}
	p.Time, p.Iface = start*1e9+int64(s.at)*1e6, s.iface
	return frame, p
}

// read shows packets to a table and destroys each frame afterwards: its memory
// belongs to the capture.
func read(tb testing.TB, b *hello.Table, all ...sent) {
	tb.Helper()
	for i := range all {
		frame, p := all[i].frame(tb)
		b.Packet(&p, frame)
		for j := range frame {
			frame[j] = 0xff
		}
	}
}

// record is what the flow table reports of the client's flow between two moments
// in milliseconds.
func record(tb testing.TB, s sent, from, to int, reason flow.Reason) *flow.Record {
	tb.Helper()
	_, p := s.frame(tb)
	return &flow.Record{Iface: p.Iface, Proto: p.Proto, Family: p.Family, Source: flow.Endpoint{Addr: p.Src, Port: p.SrcPort},
		Destination: flow.Endpoint{Addr: p.Dst, Port: p.DstPort}, Born: start*1e9 + int64(from)*1e6,
		End: start*1e9 + int64(to)*1e6, Reason: reason}
}

// name returns the server name that a table has for a record, "-" if it has no
// ClientHello.
func name(b *hello.Table, r *flow.Record) string {
	h := b.ForRecord(r)
	if h == nil {
		return "-"
	}
	return h.ServerName
}
