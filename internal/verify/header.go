package verify

import (
	"bytes"
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// The IP headers without options or extension headers: their sizes, and where the addresses and the
// TTL are in them, in bytes.
const (
	header4, addrs4, ttl4 = 20, 12, 8
	header6, addrs6, ttl6 = 40, 8, 7
)

// maxHeader4 is the longest header of IPv4, and maxExtensions bounds the extension headers behind
// which the header of IPv6 is looked for, both in bytes.
const (
	maxHeader4    = 60
	maxExtensions = 256
)

// ethernet is where the IP header of a frame without tags begins.
const ethernet = 14

// ipHeader returns the IP header of a packet and all that follows it in the frame, nil if it is not
// found. In a frame of Ethernet without tags its place is known. In any other it is looked for in front
// of the transport header, with as many options or extension headers in between as it may have, the
// longest first: options may look like a header, and what is in front of a header has no room for one.
func ipHeader(p *packet.Packet, frame []byte) []byte {
	if p.HasMAC && p.VLANs == 0 && len(frame) > ethernet && begins(p, frame[ethernet:], 0) {
		return frame[ethernet:]
	}
	at := min(int(p.TransportAt), len(frame))
	shortest, longest, step := header4, maxHeader4, 4
	if p.Family == 6 {
		shortest, longest, step = header6, header6+maxExtensions, 8
	}
	for n := longest; n >= shortest; n -= step {
		if n <= at && begins(p, frame[at-n:], n) {
			return frame[at-n:]
		}
	}
	return nil
}

// begins reports whether the IP header of a packet begins at h: with its own length, if that is
// known and not 0, and its addresses.
func begins(p *packet.Packet, h []byte, length int) bool {
	shortest, addrs := header4, addrs4
	if p.Family == 6 {
		shortest, addrs = header6, addrs6
	}
	if len(h) < shortest || h[0]>>4 != p.Family || p.Family == 4 && length != 0 && int(h[0]&15)*4 != length {
		return false
	}
	size := (shortest - addrs) / 2 // of an address
	return bytes.Equal(h[addrs:addrs+size], p.Src[:size]) && bytes.Equal(h[addrs+size:addrs+2*size], p.Dst[:size])
}

// hops returns the TTL or hop limit of a packet, 0 if it is not found.
func hops(p *packet.Packet, frame []byte) uint8 {
	switch h := ipHeader(p, frame); {
	case h == nil:
		return 0
	case p.Family == 6:
		return h[ttl6]
	default:
		return h[ttl4]
	}
}

// wireSize returns how many bytes of a packet were on the wire from its transport header on, by its
// own length: what is behind that, the kernel cuts off. Segmentation offload may leave no credible
// length, and then it is that of the frame.
func wireSize(p *packet.Packet, frame []byte) int {
	if p.TransportLen > 0 && !isCut(p, frame) {
		return int(p.TransportLen)
	}
	whole := int(p.Length) - int(p.TransportAt)
	h := ipHeader(p, frame)
	if h == nil {
		return max(whole, 0)
	}
	at := len(frame) - len(h) // of the header
	end, shortest := at+int(binary.BigEndian.Uint16(h[2:])), at+int(h[0]&15)*4
	if p.Family == 6 {
		end, shortest = at+header6+int(binary.BigEndian.Uint16(h[4:])), at+header6
	}
	begin := int(p.TransportAt)
	if p.TransportLen == 0 {
		begin = shortest
	}
	if end < max(begin, shortest) || end > int(p.Length) {
		end = int(p.Length)
	}
	return max(end-begin, 0)
}

// onLastHop reports whether a packet has the last hop of its TTL behind it, so that none forwards it.
func onLastHop(p *packet.Packet, frame []byte) bool {
	h := ipHeader(p, frame)
	switch {
	case h == nil:
		return false
	case p.Family == 6:
		return h[ttl6] <= 1
	}
	return h[ttl4] <= 1
}

// isDamaged reports whether an IP header is one of IPv4 and has another checksum than its own (RFC 1071), so
// that no kernel takes the packet.
func isDamaged(h []byte) bool {
	if h[0]>>4 != 4 {
		return false
	}
	n := int(h[0]&15) * 4
	if n < header4 || n > len(h) {
		return false // it was not captured
	}
	sum := uint32(0)
	for i := 0; i < n; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(h[i:]))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return sum != 0xffff
}
