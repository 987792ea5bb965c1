//go:build linux

package flood_test

import (
	"encoding/binary"
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// attack makes the packets of the qube that floods, all kinds in turn. Most are small
// datagrams, as many addresses as datagrams.
type attack struct {
	self, neighbour, netvm [4]byte
	fat, tiny              []byte // ClientHellos
}

func newAttack(self, neighbour netip.Addr) *attack {
	return &attack{self: self.As4(), neighbour: neighbour.As4(), netvm: netip.MustParseAddr("10.137.0.5").As4(),
		fat: clientHello("fat.example", 8, 160), tiny: clientHello("t.example", 0, 0)}
}

// packet appends the n-th packet.
func (a *attack) packet(b []byte, n int) []byte {
	id, far := uint32(n), [4]byte{20, byte(n >> 16), byte(n >> 8), byte(n)}
	port := uint16(1024 + n%60_000)
	switch n % 16 {
	case 0, 1: // a connection that begins with a ClientHello
		seq, flags, hello := uint32(1), byte(2), []byte(nil)
		if n%16 == 1 {
			seq, flags, hello, id = 2, 0x18, a.fat, id-1
			if n%32 == 1 {
				hello = a.tiny
			}
		}
		far[3] = byte(id)
		return ipv4(b, a.self, far, 6, tcp(seq, uint16(1024+id%60_000), 443, flags, hello))
	case 2: // a tunnel with an identifier of its own
		inner := ipv4(nil, a.self, far, 17, udp(port, 9999, []byte("x")))
		head := binary.BigEndian.AppendUint32([]byte{8, 0, 0, 0}, id<<8)
		head = append(head, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0)
		return ipv4(b, a.self, netip.MustParseAddr(testbed.WebAddr).As4(), 17, udp(port, 4789, append(head, inner...)))
	case 3:
		inner := ipv4(nil, a.self, far, 17, udp(port, 9999, []byte("x")))
		head := binary.BigEndian.AppendUint32([]byte{0x20, 0, 8, 0}, id)
		return ipv4(b, a.self, netip.MustParseAddr(testbed.WebAddr).As4(), 47, append(head, inner...))
	case 4:
		return ipv4(b, a.self, netip.MustParseAddr(testbed.MagicDNS).As4(), 17, udp(port, 53, query(id)))
	case 5:
		return ipv4(b, a.self, a.netvm, 6, tcp(1, port, uint16(2000+n%50_000), 2, nil))
	case 6:
		return ipv4(b, a.self, netip.MustParseAddr(testbed.WebAddr).As4(), 6, tcp(1, port, refusedPort, 2, nil))
	case 7: // in the name of the neighbour, and of anyone
		return ipv4(b, a.neighbour, far, 17, udp(port, 9999, []byte("x")))
	case 8:
		return ipv4(b, [4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}, far, 17, udp(port, 53, query(id)))
	}
	return ipv4(b, a.self, far, 17, udp(port, 9999, []byte("x")))
}

// query returns a query for a name that no one else asks for.
func query(id uint32) []byte {
	q := []byte{byte(id >> 8), byte(id), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 9, 'f'}
	for shift := 28; shift >= 0; shift -= 4 {
		q = append(q, "0123456789abcdef"[id>>shift&15])
	}
	return append(append(q, "\x07example\x03org\x00"...), 0, 1, 0, 1)
}

// clientHello returns a TLS record with a ClientHello that offers protocols of
// unprintable bytes.
func clientHello(name string, protocols, size int) []byte {
	u16 := func(b []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }
	u24 := func(b []byte) []byte { return append([]byte{0}, u16(b)...) }
	sni := u16(append([]byte{0}, u16([]byte(name))...))
	extensions := append([]byte{0, 0}, u16(sni)...)
	if protocols > 0 {
		var list []byte
		for range protocols {
			list = append(append(list, byte(size)), make([]byte, size)...)
		}
		extensions = append(append(extensions, 0, 16), u16(u16(list))...)
	}
	body := append([]byte{3, 3}, make([]byte, 32)...)
	body = append(body, 0)                                // session
	body = append(body, 0, 2, 0x13, 1)                    // suites
	body = append(append(body, 1, 0), u16(extensions)...) // compression
	return append([]byte{22, 3, 1}, u16(append([]byte{1}, u24(body)...))...)
}

// ipv4 appends a packet.
func ipv4(b []byte, src, dst [4]byte, proto byte, payload []byte) []byte {
	at := len(b)
	b = append(b, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(20+len(payload)))
	b = append(b, 0, 0, 0x40, 0, 64, proto, 0, 0)
	b = append(append(b, src[:]...), dst[:]...)
	binary.BigEndian.PutUint16(b[at+10:], checksum(0, b[at:]))
	start := len(b)
	b = append(b, payload...)
	if proto == 6 { // the kernel drops a segment with a wrong sum
		pseudo := uint32(6 + len(payload))
		for _, a := range [][4]byte{src, dst} {
			pseudo += uint32(a[0])<<8 + uint32(a[1]) + uint32(a[2])<<8 + uint32(a[3])
		}
		binary.BigEndian.PutUint16(b[start+16:], checksum(pseudo, b[start:]))
	}
	return b
}

// udp returns a datagram without a sum, which IPv4 allows.
func udp(from, to uint16, payload []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, from)
	b = binary.BigEndian.AppendUint16(b, to)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(payload)))
	return append(append(b, 0, 0), payload...)
}

func tcp(seq uint32, from, to uint16, flags byte, payload []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, from)
	b = binary.BigEndian.AppendUint16(b, to)
	b = binary.BigEndian.AppendUint32(b, seq)
	b = append(b, 0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0)
	return append(b, payload...)
}

// checksum is that of RFC 1071.
func checksum(sum uint32, b []byte) uint16 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
