package dnsserver

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// rcvbuf is the size of a socket's receive buffer in bytes: a burst of some 4,000
// queries.
const rcvbuf = 4 << 20

// listenUDP opens one of the sockets that share an address (SO_REUSEPORT).
func listenUDP(ctx context.Context, a netip.AddrPort) (*net.UDPConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if e := c.Control(func(fd uintptr) { err = setOptions(int(fd), a.Addr()) }); e != nil {
			return e
		}
		return err
	}}
	pc, err := lc.ListenPacket(ctx, network("udp", a.Addr()), a.String())
	if err != nil {
		return nil, err
	}
	return pc.(*net.UDPConn), nil
}

// setOptions lets several sockets have the address, and the kernel report the
// destination of a query: the answer must come from there (RFC 2181 section 4.1).
func setOptions(fd int, a netip.Addr) error {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, rcvbuf) // without the capability the default has to do
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	if a.Is4() {
		return errors.Join(err, unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1))
	}
	return errors.Join(err, unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1))
}

// sockaddr is a struct sockaddr_in or sockaddr_in6 as the kernel writes it.
type sockaddr [unix.SizeofSockaddrInet6]byte

// addrPort returns address and port.
func (b *sockaddr) addrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(b[2:])
	if binary.NativeEndian.Uint16(b[:]) == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])).Unmap(), port)
}

// destination reads the destination of a query and the index of its interface
// from the packet information c, and turns c into that of the answer: sent from
// this address, through any interface. a is invalid if there is no information.
func destination(c []byte) (a netip.Addr, iface uint32) {
	const head = unix.SizeofCmsghdr
	if len(c) < head {
		return a, 0
	}
	level, kind := int32(binary.NativeEndian.Uint32(c[8:])), int32(binary.NativeEndian.Uint32(c[12:]))
	switch {
	case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(c) >= head+12:
		iface = binary.NativeEndian.Uint32(c[head:])
		a = netip.AddrFrom4([4]byte(c[head+4 : head+8])) // ipi_spec_dst
		binary.NativeEndian.PutUint32(c[head:], 0)
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(c) >= head+20:
		iface = binary.NativeEndian.Uint32(c[head+16:])
		if a = netip.AddrFrom16([16]byte(c[head : head+16])); !a.IsLinkLocalUnicast() {
			binary.NativeEndian.PutUint32(c[head+16:], 0)
		}
		a = a.Unmap()
	}
	return a, iface
}
