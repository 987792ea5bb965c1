package dnstest

import (
	"net"
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// FreePort returns a port of an address that is free for UDP and TCP.
func FreePort(t testing.TB, a netip.Addr) netip.AddrPort {
	t.Helper()
	for range 50 {
		pc, err := net.ListenPacket("udp", netip.AddrPortFrom(a, 0).String())
		if err != nil {
			t.Fatal(err)
		}
		at := pc.LocalAddr().(*net.UDPAddr).AddrPort()
		l, err := net.Listen("tcp", at.String())
		_ = pc.Close()
		if err == nil {
			_ = l.Close()
			return at
		}
	}
	t.Fatal("no free port")
	return netip.AddrPort{}
}

// Until polls until ok returns true, for things that cannot be waited for
// otherwise. It fails the test after ten seconds.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	poll.Until(t, what, ok)
}
