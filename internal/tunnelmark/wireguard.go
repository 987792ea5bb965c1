package tunnelmark

import "encoding/binary"

// WireGuard is the type of a message of WireGuard (https://www.wireguard.com/protocol/).
type WireGuard uint8

// The types of messages; WGNone is no message of WireGuard.
const (
	WGNone WireGuard = iota
	WGInitiation
	WGResponse
	WGCookie
	WGData
)

// Lengths of the messages in bytes. A keepalive is data without content.
const (
	wgInitiationLen = 148
	wgResponseLen   = 92
	wgCookieLen     = 64
	// WGKeepalive is the length of a message of data with nothing inside.
	WGKeepalive = 32
	// WGOverhead is what a message of data has around the padded packet.
	WGOverhead = 32
	// WGPadding is the multiple that inner packets are padded to.
	WGPadding = 16
	// wgLeastMTU is the least MTU that the padding may be cut off at: net.ipv4.route.min_pmtu of
	// Linux, below which it believes no router.
	wgLeastMTU = 552
)

// ReadWireGuard returns the type of the message in a UDP payload that had length bytes on
// the wire, WGNone if it is not one of WireGuard's.
func ReadWireGuard(payload []byte, length int) WireGuard {
	if len(payload) < 4 {
		return WGNone
	}
	switch t := binary.LittleEndian.Uint32(payload); {
	case t == 1 && length == wgInitiationLen:
		return WGInitiation
	case t == 2 && length == wgResponseLen:
		return WGResponse
	case t == 3 && length == wgCookieLen:
		return WGCookie
	case t == 4 && dataLength(length):
		return WGData
	}
	return WGNone
}

// dataLength reports whether a message of data may have a length. Packets are padded to a multiple
// of 16 bytes, but not beyond the MTU, which need not be one: a full packet makes 1452 bytes of an
// MTU of 1420 (Linux, drivers/net/wireguard/send.c, calculate_skb_padding; wireguard-go,
// device/send.go, calculatePaddingSize). The MTU is not known here.
func dataLength(length int) bool {
	return length >= WGKeepalive && length%WGPadding == 0 || length >= WGOverhead+wgLeastMTU
}

// WGLength returns the length of the UDP payload in which WireGuard sends an inner packet
// of n bytes.
func WGLength(n int) int { return WGOverhead + (n+WGPadding-1)/WGPadding*WGPadding }
