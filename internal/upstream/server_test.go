package upstream_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

func TestParse(t *testing.T) {
	t.Parallel()
	pin := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for _, tt := range []struct {
		in, want, endpoint, name string
		pins                     int
	}{
		{"10.139.1.1", "udp://10.139.1.1:53", "10.139.1.1:53", "", 0},
		{"udp://10.139.1.1", "udp://10.139.1.1:53", "10.139.1.1:53", "", 0},
		{"udp://10.139.1.1:5300", "udp://10.139.1.1:5300", "10.139.1.1:5300", "", 0},
		{"10.139.1.1:5300", "udp://10.139.1.1:5300", "10.139.1.1:5300", "", 0},
		{"tcp://10.139.1.1", "tcp://10.139.1.1:53", "10.139.1.1:53", "", 0},
		{"2620:fe::fe", "udp://[2620:fe::fe]:53", "[2620:fe::fe]:53", "", 0},
		{"[2620:fe::fe]:5300", "udp://[2620:fe::fe]:5300", "[2620:fe::fe]:5300", "", 0},
		{"tcp://[2620:fe::fe]", "tcp://[2620:fe::fe]:53", "[2620:fe::fe]:53", "", 0},
		{"tls://9.9.9.9", "tls://9.9.9.9:853", "9.9.9.9:853", "9.9.9.9", 0},
		{"tls://9.9.9.9#dns.quad9.net", "tls://9.9.9.9:853#dns.quad9.net", "9.9.9.9:853", "dns.quad9.net", 0},
		{"tls://dns.quad9.net:8853", "tls://dns.quad9.net:8853", "dns.quad9.net:8853", "dns.quad9.net", 0},
		{"tls://9.9.9.9#dns.quad9.net;pin-sha256=" + pin, "tls://9.9.9.9:853#dns.quad9.net", "9.9.9.9:853", "dns.quad9.net", 1},
		{"tls://9.9.9.9#;pin-sha256=" + pin + ";pin-sha256=" + pin, "tls://9.9.9.9:853", "9.9.9.9:853", "9.9.9.9", 2},
		{"https://dns.quad9.net", "https://dns.quad9.net:443/dns-query", "dns.quad9.net:443", "dns.quad9.net", 0},
		{"https://dns.quad9.net/dns-query", "https://dns.quad9.net:443/dns-query", "dns.quad9.net:443", "dns.quad9.net", 0},
		{"https://9.9.9.9:8443/q#dns.quad9.net", "https://9.9.9.9:8443/q#dns.quad9.net", "9.9.9.9:8443", "dns.quad9.net", 0},
		{"https://[2620:fe::fe]/dns-query#dns.quad9.net", "https://[2620:fe::fe]:443/dns-query#dns.quad9.net", "[2620:fe::fe]:443", "dns.quad9.net", 0},
		{"HTTPS://dns.quad9.net/dns-query", "https://dns.quad9.net:443/dns-query", "dns.quad9.net:443", "dns.quad9.net", 0},
	} {
		a, err := upstream.Parse(tt.in)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.in, err)
			continue
		}
		if a.String() != tt.want || a.Endpoint() != tt.endpoint || a.Name != tt.name || len(a.Pins) != tt.pins {
			t.Errorf("Parse(%q) = %s, %s, name %q, %d pins; want %s, %s, %q, %d", tt.in, a, a.Endpoint(), a.Name, len(a.Pins),
				tt.want, tt.endpoint, tt.name, tt.pins)
		}
		again, err := upstream.Parse(a.String())
		if err != nil || again.String() != a.String() || again.Name != a.Name {
			t.Errorf("Parse(%q) = %v, %v; want the same again", a.String(), again, err)
		}
	}
}

func TestParse_bad(t *testing.T) {
	t.Parallel()
	pin := func(n int) string { return "pin-sha256=" + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for _, in := range []string{
		"", "udp://", "://9.9.9.9", "quic://9.9.9.9", "http://9.9.9.9/dns-query", "udp://9.9.9.9:0", "udp://9.9.9.9:65536",
		"udp://9.9.9.9:-1", "udp://9.9.9.9:x", "udp://9.9.9.9/path", "tls://9.9.9.9/path", "udp://user@9.9.9.9", "https://u:p@9.9.9.9/",
		"https://9.9.9.9/dns-query?x=1", "udp://9.9.9.9#dns.quad9.net", "tcp://9.9.9.9#;" + pin(32),
		"tls://9.9.9.9#dns.quad9.net;" + pin(31), "tls://9.9.9.9#dns.quad9.net;" + pin(33), "tls://9.9.9.9#dns.quad9.net;" + pin(0),
		"tls://9.9.9.9#dns.quad9.net;" + pin(20), "tls://9.9.9.9#dns.quad9.net;pin-sha256=", "tls://9.9.9.9#dns.quad9.net;pin-sha256=!!!",
		"tls://9.9.9.9#dns.quad9.net;pin-sha1=" + pin(32)[len("pin-sha256="):], "tls://9.9.9.9#dns.quad9.net;", "tls://9.9.9.9#a;" + pin(32) + ";x",
		"udp://[2620:fe::fe", "udp://9.9.9.9\n", "udp://a b", "\x00", "%zz", "tls://9.9.9.9:853:853",
	} {
		a, err := upstream.Parse(in)
		if err == nil {
			t.Errorf("Parse(%q) = %s; want an error", in, a)
		} else if strings.Contains(err.Error(), "nil") || strings.Contains(err.Error(), "\n") {
			t.Errorf("Parse(%q): %q; want what is wrong, on one line", in, err)
		}
	}
}

// TestProto_String gives every value a name, also unknown ones, without a panic.
func TestProto_String(t *testing.T) {
	t.Parallel()
	for p, want := range map[upstream.Proto]string{upstream.UDP: "udp", upstream.HTTPS: "https", upstream.HTTPS + 1: "proto 4", 255: "proto 255"} {
		if got := p.String(); got != want {
			t.Errorf("Proto(%d).String() = %q; want %q", p, got, want)
		}
	}
}
