package dnstest

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
)

// Ports of tests are below those that the kernel assigns by itself (32768 and above on
// Linux, net.ipv4.ip_local_port_range), so that no other socket gets one between the
// choice of a port and its use.
const (
	firstPort = 20000
	lastPort  = 32000
)

// reservations is the address at which the port of a test is taken until the test has
// ended. Tests of other processes look there, too. A DNS server does not help: its
// sockets share their port (SO_REUSEPORT), also with those of another test.
var reservations = netip.AddrFrom4([4]byte{127, 255, 255, 1})

// FreePort returns a port of an address that is free for UDP and TCP. No other call
// returns the port, in any process, before the test has ended.
func FreePort(t testing.TB, a netip.Addr) netip.AddrPort {
	t.Helper()
	for range lastPort - firstPort {
		port := uint16(firstPort + rand.IntN(lastPort-firstPort))
		reserved, err := net.Listen("tcp", netip.AddrPortFrom(reservations, port).String())
		if err != nil {
			continue
		}
		if at := netip.AddrPortFrom(a, port); isFree(at) {
			t.Cleanup(func() { _ = reserved.Close() })
			return at
		}
		_ = reserved.Close()
	}
	t.Fatal("no free port")
	return netip.AddrPort{}
}

// isFree reports whether nothing listens at a UDP and a TCP address.
func isFree(at netip.AddrPort) bool {
	pc, err := net.ListenPacket("udp", at.String())
	if err != nil {
		return false
	}
	_ = pc.Close()
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}
