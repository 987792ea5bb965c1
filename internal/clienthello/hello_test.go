package clienthello_test

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
)

// suites are some cipher suites.
var suites = []uint16{0x1301, 0xc02f, 0x00ff}

func TestParse(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 251) + ".com"
	tests := []struct {
		name string
		msg  []byte
		want clienthello.Hello // without JA4
	}{
		{"all", hello(0x0303, suites, sni("Example.COM"), alpn("h2", "http/1.1"), versions(0x1a1a, 0x0304, 0x0303), empty(0xfe0d)),
			clienthello.Hello{ServerName: "example.com", ALPN: []string{"h2", "http/1.1"}, Version: 0x0304, ECH: true}},
		{"no extensions", hello(0x0301, suites), clienthello.Hello{Version: 0x0301}},
		{"no ciphers", hello(0x0303, nil, sni("a")), clienthello.Hello{Version: 0x0303, ServerName: "a"}},
		{"longest name", hello(0x0303, suites, sni(long)), clienthello.Hello{Version: 0x0303, ServerName: long}},
		{"name too long", hello(0x0303, suites, sni(long+"m")), clienthello.Hello{Version: 0x0303}},
		{"address", hello(0x0303, suites, sni("192.0.2.1")), clienthello.Hello{Version: 0x0303, ServerName: "192.0.2.1"}},
		{"underscore and final dot", hello(0x0303, suites, sni("_x-1.a.")), clienthello.Hello{Version: 0x0303, ServerName: "_x-1.a."}},
		{"name with zero", hello(0x0303, suites, sni("a\x00b")), clienthello.Hello{Version: 0x0303}},
		{"name with escape", hello(0x0303, suites, sni("\x1b[2Ja")), clienthello.Hello{Version: 0x0303}},
		{"name with quotes", hello(0x0303, suites, sni(`a"b`)), clienthello.Hello{Version: 0x0303}},
		{"IPv6 address", hello(0x0303, suites, sni("2001:db8::1")), clienthello.Hello{Version: 0x0303}},
		{"name in UTF-8", hello(0x0303, suites, sni("bücher.example")), clienthello.Hello{Version: 0x0303}},
		{"empty name", hello(0x0303, suites, sni("")), clienthello.Hello{Version: 0x0303}},
		{"empty SNI", hello(0x0303, suites, empty(0)), clienthello.Hello{Version: 0x0303}},
		{"name of another type first", hello(0x0303, suites, extension{0, []byte("\x00\x0a\x07\x00\x03abc\x00\x00\x01d")}),
			clienthello.Hello{Version: 0x0303, ServerName: "d"}},
		{"SNI longer than its list", hello(0x0303, suites, extension{0, []byte("\x00\x04\x00\x00\x01aX")}), clienthello.Hello{Version: 0x0303}},
		{"SNI cut", hello(0x0303, suites, extension{0, []byte("\x00\x05\x00\x00\x03ab")}), clienthello.Hello{Version: 0x0303}},
		{"two SNI", hello(0x0303, suites, sni("first"), sni("second")), clienthello.Hello{Version: 0x0303, ServerName: "first"}},
		{"ALPN of bytes", hello(0x0303, suites, alpn("\x0a\x0a", "a\\\x7f\xff ~")),
			clienthello.Hello{Version: 0x0303, ALPN: []string{`\x0a\x0a`, `a\x5c\x7f\xff ~`}}},
		{"nine of ALPN", hello(0x0303, suites, alpn("1", "2", "3", "4", "5", "6", "7", "8", "9")),
			clienthello.Hello{Version: 0x0303, ALPN: []string{"1", "2", "3", "4", "5", "6", "7", "8"}}},
		{"ALPN cut", hello(0x0303, suites, extension{16, []byte("\x00\x04\x02h2\x09")}), clienthello.Hello{Version: 0x0303}},
		{"ALPN longer than its list", hello(0x0303, suites, extension{16, []byte("\x00\x03\x02h2\x01")}), clienthello.Hello{Version: 0x0303}},
		{"odd versions", hello(0x0303, suites, extension{43, []byte{3, 3, 4, 3}}), clienthello.Hello{Version: 0x0303}},
		{"versions of GREASE", hello(0x0302, suites, versions(0xfafa)), clienthello.Hello{Version: 0x0302}},
		{"version unknown", hello(0x0303, suites, versions(0x0304, 0x7f1c)), clienthello.Hello{Version: 0x7f1c}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := clienthello.Parse(tt.msg, 0)
			if err != nil {
				t.Fatal(err)
			}
			got.JA4 = ""
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParse_error(t *testing.T) {
	t.Parallel()
	good := hello(0x0303, suites, sni("example.com"))
	edit := func(at int, b byte) []byte {
		msg := append([]byte(nil), good...)
		msg[at] = b
		return msg
	}
	const sessionAt = 4 + 2 + 32
	tests := []struct {
		name string
		msg  []byte
		want error
	}{
		{"nothing", nil, clienthello.ErrMalformed},
		{"header cut", good[:3], clienthello.ErrMalformed},
		{"a byte short", good[:len(good)-1], clienthello.ErrMalformed},
		{"a byte more", append(good[:len(good):len(good)], 0), clienthello.ErrMalformed},
		{"extensions after the end", append(handshake(1, hello(0x0303, suites)[4:]), good[len(hello(0x0303, suites)):]...), clienthello.ErrMalformed},
		{"ServerHello", edit(0, 2), clienthello.ErrNotClient},
		{"session ID past the end", edit(sessionAt, 255), clienthello.ErrMalformed},
		{"odd ciphers", edit(sessionAt+34, 5), clienthello.ErrMalformed},
		{"ciphers past the end", edit(sessionAt+33, 0xff), clienthello.ErrMalformed},
		{"extensions past the end", edit(sessionAt+33+2+6+2+1, 200), clienthello.ErrMalformed},
		{"rest after extensions", edit(sessionAt+33+2+6+2+1, 0), clienthello.ErrMalformed},
		{"extension past the end", edit(sessionAt+33+2+6+2+5, 200), clienthello.ErrMalformed},
		{"header only", handshake(1, nil), clienthello.ErrMalformed},
		{"no compression", hello(0x0303, suites)[:sessionAt+33+2+6], clienthello.ErrMalformed},
		{"too large", handshake(1, make([]byte, clienthello.MaxMessage-3)), clienthello.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.name == "no compression" {
				tt.msg = handshake(1, tt.msg[4:])
			}
			got, err := clienthello.Parse(tt.msg, 0)
			if !errors.Is(err, tt.want) {
				t.Errorf("Parse = %v; want %v", err, tt.want)
			}
			if diff := cmp.Diff(clienthello.Hello{}, got); diff != "" {
				t.Errorf("mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestParse_truncated cuts a message after each byte, once with the length in its
// header as it was and once with that of what is left.
func TestParse_truncated(t *testing.T) {
	t.Parallel()
	msg := hello(0x0303, suites, sni("example.com"), alpn("h2"), versions(0x0304))
	list := len(hello(0x0303, suites)) // without extensions it is whole, too
	for n := range msg {
		for _, cut := range [][]byte{msg[:n], handshake(1, msg[min(4, n):n])} {
			h, err := clienthello.Parse(cut, 0)
			if err == nil && (n != list || h.ServerName != "") {
				t.Errorf("Parse of %d bytes = %+v", n, h)
			}
		}
	}
}

// TestParse_sessionID checks that a session ID longer than RFC 8446's 32 bytes is
// read over, as crypto/tls does.
func TestParse_sessionID(t *testing.T) {
	t.Parallel()
	const at = 2 + 32 // in the body
	body := hello(0x0303, suites, sni("example.com"))[4:]
	body = slices.Concat(body[:at], vector8(make([]byte, 48)), body[at+33:])
	standard(t, handshake(1, body), 0)
}

// TestParse_largest checks that the limit itself is fine.
func TestParse_largest(t *testing.T) {
	t.Parallel()
	base := len(hello(0x0303, suites, empty(21)))
	msg := hello(0x0303, suites, extension{21, make([]byte, clienthello.MaxMessage-base)})
	if len(msg) != clienthello.MaxMessage {
		t.Fatalf("message of %d bytes", len(msg))
	}
	if _, err := clienthello.Parse(msg, 0); err != nil {
		t.Error(err)
	}
}

// TestParse_standard reads what the standard library sends, and compares with
// what its server reads.
func TestParse_standard(t *testing.T) {
	t.Parallel()
	for name, config := range configs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := standard(t, sentByTLS(t, config)[5:], 0)
			if got.ServerName != config.ServerName {
				t.Errorf("ServerName = %q; want %q", got.ServerName, config.ServerName)
			}
			if config.MaxVersion != 0 && got.Version != config.MaxVersion {
				t.Errorf("Version = %#x; want %#x", got.Version, config.MaxVersion)
			}
			if config.MaxVersion == 0 {
				standard(t, sentByQUIC(t, config), 1)
			}
		})
	}
}

// standard compares Parse with crypto/tls.
func standard(t *testing.T, msg []byte, quic uint32) clienthello.Hello {
	t.Helper()
	got, err := clienthello.Parse(msg, quic)
	if err != nil {
		t.Fatal(err)
	}
	info := theirs(msg)
	if info == nil {
		t.Fatal("crypto/tls refuses the message")
	}
	if diff := cmp.Diff(helloOf(info, quic), got); diff != "" {
		t.Errorf("mismatch (-crypto/tls +got):\n%s", diff)
	}
	return got
}

// helloOf returns the Hello of what crypto/tls read, if it exposes all of it.
func helloOf(info *tls.ClientHelloInfo, quic uint32) clienthello.Hello {
	h := clienthello.Hello{ServerName: info.ServerName, ALPN: info.SupportedProtos, QUIC: quic, JA4: plainJA4(info, quic != 0)}
	for _, v := range info.SupportedVersions {
		if !grease(v) {
			h.Version = max(h.Version, v)
		}
	}
	for _, e := range info.Extensions {
		h.ECH = h.ECH || e == 0xfe0d
	}
	return h
}
