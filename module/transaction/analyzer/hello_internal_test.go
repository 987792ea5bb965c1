package analyzer

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"testing"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// clientHello returns the first flight of a TLS client.
func clientHello(tb testing.TB, c *tls.Config) string {
	tb.Helper()
	near, far := net.Pipe()
	defer far.Close()
	go func() { _ = tls.Client(near, c).Handshake() }()
	head := make([]byte, 5)
	if _, err := readFull(far, head); err != nil {
		tb.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint16(head[3:]))
	if _, err := readFull(far, body); err != nil {
		tb.Fatal(err)
	}
	return string(head) + string(body)
}

func readFull(c net.Conn, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = c.Read(b[n:])
		n += m
	}
	return n, err
}

// oneOf returns a configuration whose hello has a fingerprint of its own.
func oneOf(name string, version uint16) *tls.Config {
	return &tls.Config{ServerName: name, MinVersion: version, MaxVersion: version}
}

// tlsEvents returns the events that packets cause, by the name that the client has
// asked for.
func tlsEvents(tb testing.TB, all ...feed.Packet) map[string]wire.Event {
	tb.Helper()
	sent, cfg := new(recorder), realConfig(tb, "{type: tls, ports: [80]}", 0)
	cfg.reporter.send = sent.send
	a, err := newAnalyzers(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	takeAll(a, all...)
	a.conns.endAll(a, true)
	events := map[string]wire.Event{}
	for _, e := range sent.events {
		events[field(e, "tls.client.server_name")] = e
	}
	return events
}

// TestHello adds the fingerprint of the connection's own client, however the
// connection ends, while others are open.
func TestHello(t *testing.T) {
	t.Parallel()
	first := clientHello(t, oneOf("first.example", tls.VersionTLS12))
	second := clientHello(t, oneOf("second.example", tls.VersionTLS13))
	hello := []feed.Packet{newTCP(work, server, packet.ACK, 1, first), newTCP(other, server, packet.ACK, 1, second)}
	end := uint32(1 + len(first))
	tests := []struct {
		name string
		end  []feed.Packet
	}{
		{"FIN", []feed.Packet{newTCP(work, server, packet.FIN|packet.ACK, end, "")}},
		{"FIN of the server", []feed.Packet{newTCP(server, work, packet.FIN|packet.ACK, 9, "")}},
		{"gap", []feed.Packet{newTCP(work, server, packet.ACK, end+100, "x"), acking(newTCP(server, work, 0, 9, ""), end+101)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, ok := tlsEvents(t, append(hello, tt.end...)...)["first.example"]
			if !ok {
				t.Fatal("there is no event for first.example")
			}
			if got := field(e, "tls.client.ja4"); len(got) != 36 || got[:3] != "t12" {
				t.Errorf("ja4 = %q; want that of a client of TLS 1.2", got)
			}
		})
	}
}

// TestHello_parts reads a hello in two segments, in either order, and none of
// a server or of text.
func TestHello_parts(t *testing.T) {
	t.Parallel()
	text := clientHello(t, oneOf("first.example", tls.VersionTLS12))
	one, two := newTCP(work, server, packet.ACK, 1, text[:70]), newTCP(work, server, packet.ACK, 71, text[70:])
	syn, fin := newTCP(work, server, packet.SYN, 0, ""), newTCP(work, server, packet.FIN, uint32(1+len(text)), "")
	for name, in := range map[string][]feed.Packet{
		"in order": {syn, one, two, fin}, "overtaken": {syn, two, one, fin}, "repeated": {syn, one, one, two, two, fin},
	} {
		if got := field(tlsEvents(t, in...)["first.example"], "tls.client.ja4"); len(got) != 36 {
			t.Errorf("%s: ja4 = %q", name, got)
		}
	}
	var none *hello
	none.feed([]byte(text)) // does not fail
	e := beat.Event{Fields: mapstr.M{"type": "tls"}}
	if none.addTo(&e); e.Fields["tls"] != nil {
		t.Error("a nil ClientHello adds something")
	}
}
