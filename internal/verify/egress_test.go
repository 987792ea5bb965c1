package verify_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// TestVerifier_Claim keeps the last address of each family and qube, and a bounded number. No
// verdict changes.
func TestVerifier_Claim(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	at := func(n int) time.Time { return time.Unix(int64(n), 0).UTC() }
	before := l.v.Results()
	l.v.Claim("work", netip.MustParseAddr("192.0.2.1"), at(1))
	l.v.Claim("work", netip.MustParseAddr("2001:db8::1"), at(2))
	l.v.Claim("banking", netip.MustParseAddr("::ffff:192.0.2.9"), at(3))
	l.v.Claim("work", netip.MustParseAddr("192.0.2.2"), at(4))
	var got []string
	for _, e := range l.v.View().External {
		got = append(got, fmt.Sprint(e.Qube, " ", e.Address, " ", e.Method, " ", e.At.Unix()))
	}
	if diff := cmp.Diff([]string{"banking 192.0.2.9 claim 3", "work 192.0.2.2 claim 4", "work 2001:db8::1 claim 2"}, got); diff != "" {
		t.Errorf("claims mismatch (-want +got):\n%s", diff)
	}
	for i := range 1000 {
		l.v.Claim(fmt.Sprintf("q%d", i), netip.MustParseAddr("192.0.2.1"), at(10+i))
	}
	list := l.v.View().External
	has := map[string]bool{}
	for _, e := range list {
		has[e.Qube] = true
	}
	if len(list) != 512 || has["work"] || !has["q999"] || len(l.v.Results()) != len(before) {
		t.Errorf("%d claims, the oldest kept: %v, the newest: %v", len(list), has["work"], has["q999"])
	}
}

// TestVerifier_DoH takes DNS over HTTPS to a known server for a query past the resolver.
func TestVerifier_DoH(t *testing.T) {
	t.Parallel()
	for dst, want := range map[string]string{"9.9.9.9:443": "fail", "9.9.9.9:80": "unknown(no-traffic)", "198.51.100.7:443": "unknown(no-traffic)"} {
		l := newLab(t)
		l.env.DoH = func(a netip.Addr) bool { return a == netip.MustParseAddr("9.9.9.9") }
		l.apply()
		for range 2 {
			l.tcp(ofWork, "10.137.0.6:40001", dst, syn, nil)
		}
		if got := l.got("work", "DNS-1"); got != want {
			t.Errorf("DNS-1 is %s after a SYN to %s; want %s", got, dst, want)
		}
	}
}

// TestVerifier_stranger says that the inventory is behind if it does not know a vif that sends.
func TestVerifier_stranger(t *testing.T) {
	t.Parallel()
	for _, domains := range []bool{true, false} {
		l := newLab(t)
		l.env.Domains = domains
		l.apply()
		l.qubes = []*qube.Qube{work}
		l.udp(ofWork, "10.137.0.6:1", server, nil)
		l.udp(ofUntrusted, "10.137.0.9:1", server, nil)
		if got := l.got("this machine", "SYS-1"); got != "pass" {
			t.Errorf("at once: SYS-1 is %s", got)
		}
		l.wait(70 * time.Second)
		l.udp(ofUntrusted, "10.137.0.9:1", server, nil)
		want := map[bool]string{true: "unknown(inventory-stale)", false: "pass"}[domains]
		if got := l.got("this machine", "SYS-1"); got != want {
			t.Errorf("after a minute, with domain ids %v: SYS-1 is %s; want %s", domains, got, want)
		}
	}
}
