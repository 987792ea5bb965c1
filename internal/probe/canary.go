package probe

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
)

// Magic is in every canary but the TCP SYN, before the nonce. Echo requests repeat the two in their whole payload.
const Magic = "qbverify"

// A Nonce distinguishes the canaries of a probe. That of a hostile qube cannot be guessed: it has eight random bytes, but
// for [Nonce.Valid].
type Nonce [8]byte

// Valid reports whether the nonce can be one of dom0's: its first byte is that of the address of a host, and the next two
// are a port from 1024 on.
func (n Nonce) Valid() bool { return n[0] != 0 && n[0] != 255 && n.port() >= 1024 }

// NewNonce returns a random nonce.
func NewNonce() (n Nonce) {
	for !n.Valid() {
		_, _ = rand.Read(n[:]) // never fails
	}
	return n
}

// ParseNonce reads a nonce of 16 hexadecimal digits.
func ParseNonce(text string) (Nonce, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(Nonce{}) || !Nonce(b).Valid() {
		return Nonce{}, fmt.Errorf("%.40q is no nonce: 16 hexadecimal digits, the first two of them neither 00 nor ff, the next two 04 or more", text)
	}
	return Nonce(b), nil
}

func (n Nonce) port() uint16 { return binary.BigEndian.Uint16(n[1:3]) }

// Pattern returns the bytes that the payload of a canary has: Magic and the nonce.
func (n Nonce) Pattern() []byte { return append([]byte(Magic), n[:]...) }

// Name returns the name that the qube looks up, if the user has asked for that: qbv-, twelve hexadecimal digits of the
// nonce, and .example.com.
func (n Nonce) Name() string { return "qbv-" + hex.EncodeToString(n[:6]) + ".example.com" }

// Host4 returns where the datagram and the TCP SYN of IPv4 go: 192.0.2.N, PORT.
func (n Nonce) Host4() netip.AddrPort {
	a := Net4().Addr().As4()
	a[3] = n[0]
	return netip.AddrPortFrom(netip.AddrFrom4(a), n.port())
}

// Host6 returns where the datagram and the TCP SYN of IPv6 go: 2001:db8::N, PORT.
func (n Nonce) Host6() netip.AddrPort {
	a := Net6().Addr().As16()
	a[15] = n[0]
	return netip.AddrPortFrom(netip.AddrFrom16(a), n.port())
}

// Net4 returns the network of all canaries of IPv4 (RFC 5737, TEST-NET-1). No packet to it is ever routed.
func Net4() netip.Prefix { return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, 0}), 24) }

// Net6 returns the network of all canaries of IPv6 (RFC 3849). No packet to it is ever routed.
func Net6() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8}), 32)
}

// Echo4 returns where the echo requests of IPv4 go.
func Echo4() netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, 200}) }

// Echo6 returns where the echo requests of IPv6 go.
func Echo6() netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 14: 0x02, 15: 0x00})
}

// Sizes returns the sizes of the five echo requests of each family in their order, in bytes of the IP packet. Other
// traffic has them in this order very seldom, and no tunnel makes two of them equal: WireGuard pads to 16 bytes.
func Sizes() []int { return []int{411, 523, 677, 811, 953} }
