package ecs

import (
	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/event"
)

// Hello writes the fields of a ClientHello, nothing if h is nil. The names are
// packetbeat's if it has one; JA4 is FoxIO's fingerprint of TLS clients.
func Hello(w event.Writer, h *clienthello.Hello) {
	if h == nil {
		return
	}
	w.Begin("tls")
	Client(w, h)
	w.End()
}

// Client writes the object tls.client.
func Client(w event.Writer, h *clienthello.Hello) {
	w.Begin("client")
	event.Optional(w, "server_name", h.ServerName)
	event.Optional(w, "ja4", h.JA4)
	if len(h.ALPN) > 0 {
		w.Strings("alpn", h.ALPN...)
	}
	if h.ECH {
		w.Bool("ech", true)
	}
	w.End()
}

// HelloProtocol returns the name of the protocol of a ClientHello, "" if h is nil.
func HelloProtocol(h *clienthello.Hello) string {
	switch {
	case h == nil:
		return ""
	case h.QUIC != 0:
		return "quic"
	}
	return "tls"
}
