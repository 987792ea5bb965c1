package clienthello_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

// extension is one of a ClientHello.
type extension struct {
	typ  uint16
	body []byte
}

// vector8 and vector16 put a length of that many bits before b.
func vector8(b []byte) []byte  { return append([]byte{byte(len(b))}, b...) }
func vector16(b []byte) []byte { return append([]byte{byte(len(b) >> 8), byte(len(b))}, b...) }

func uint16s(values ...uint16) (b []byte) {
	for _, v := range values {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

// The extensions that a Hello shows.
func sni(name string) extension {
	return extension{0, vector16(append([]byte{0}, vector16([]byte(name))...))}
}

func alpn(protocols ...string) extension {
	var list []byte
	for _, p := range protocols {
		list = append(list, vector8([]byte(p))...)
	}
	return extension{16, vector16(list)}
}

func versions(v ...uint16) extension   { return extension{43, vector8(uint16s(v...))} }
func signatures(v ...uint16) extension { return extension{13, vector16(uint16s(v...))} }
func empty(typ uint16) extension       { return extension{typ: typ} }

// handshake puts the header of a handshake message before body.
func handshake(typ byte, body []byte) []byte {
	return append([]byte{typ, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

// hello builds a ClientHello; without any extension it has no list of them.
func hello(version uint16, ciphers []uint16, extensions ...extension) []byte {
	body := uint16s(version)
	for i := range 32 { // random
		body = append(body, byte(0x80+i))
	}
	body = append(body, vector8(make([]byte, 32))...)
	body = append(body, vector16(uint16s(ciphers...))...)
	body = append(body, vector8([]byte{0})...)
	var list []byte
	for _, e := range extensions {
		list = append(append(list, uint16s(e.typ)...), vector16(e.body)...)
	}
	if len(extensions) > 0 {
		body = append(body, vector16(list)...)
	}
	return handshake(1, body)
}

// records splits msg into handshake records of at most size bytes each.
func records(msg []byte, size int) (stream []byte) {
	for len(msg) > 0 {
		n := min(size, len(msg))
		stream = append(append(stream, 22, 3, 1), vector16(msg[:n])...)
		msg = msg[n:]
	}
	return stream
}

// wire is a connection that replays in and records what is written.
type wire struct {
	net.Conn
	in  io.Reader
	out bytes.Buffer
}

func (w *wire) Read(b []byte) (int, error)       { return w.in.Read(b) }
func (w *wire) Write(b []byte) (int, error)      { return w.out.Write(b) }
func (w *wire) Close() error                     { return nil }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// sentByTLS returns what a client of crypto/tls sends first: one record.
func sentByTLS(tb testing.TB, config *tls.Config) []byte {
	tb.Helper()
	w := &wire{in: bytes.NewReader(nil)}
	if err := tls.Client(w, config).Handshake(); err == nil {
		tb.Fatal("handshake without a server succeeded")
	}
	stream := w.out.Bytes()
	if len(stream) < 9 || int(binary.BigEndian.Uint16(stream[3:])) != len(stream)-5 {
		tb.Fatalf("client sent %d bytes; want one record", len(stream))
	}
	return stream
}

// sentByQUIC returns the ClientHello of a QUIC client of crypto/tls.
func sentByQUIC(tb testing.TB, config *tls.Config) (msg []byte) {
	tb.Helper()
	config = config.Clone()
	config.MinVersion = tls.VersionTLS13
	q := tls.QUICClient(&tls.QUICConfig{TLSConfig: config})
	defer q.Close()
	q.SetTransportParameters([]byte{0x01, 0x02, 0x67, 0x10})
	if err := q.Start(context.Background()); err != nil {
		tb.Fatal(err)
	}
	for e := q.NextEvent(); e.Kind != tls.QUICNoEvent; e = q.NextEvent() {
		if e.Kind == tls.QUICWriteData {
			msg = append(msg, e.Data...)
		}
	}
	return msg
}

// configs are clients of crypto/tls.
func configs() map[string]*tls.Config {
	return map[string]*tls.Config{
		"default":      {ServerName: "example.com"},
		"1.2":          {ServerName: "example.com", MaxVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}},
		"1.3":          {ServerName: "www.example.com", MinVersion: tls.VersionTLS13, NextProtos: []string{"h2", "http/1.1"}},
		"post-quantum": {ServerName: "pq.example", CurvePreferences: []tls.CurveID{tls.X25519MLKEM768}, NextProtos: []string{"h3"}},
		"no name":      {InsecureSkipVerify: true},
		"no list":      {ServerName: "old.example", MaxVersion: tls.VersionTLS10, MinVersion: tls.VersionTLS10},
	}
}

// theirs returns what a server of crypto/tls reads from a ClientHello, nil if
// it refuses it.
func theirs(msg []byte) (info *tls.ClientHelloInfo) {
	w := &wire{in: bytes.NewReader(records(msg, 1<<14))}
	server := tls.Server(w, &tls.Config{
		GetConfigForClient: func(i *tls.ClientHelloInfo) (*tls.Config, error) {
			info = i
			return nil, io.ErrUnexpectedEOF
		},
	})
	_ = server.Handshake() // always fails
	return info
}
