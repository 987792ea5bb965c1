package traffic

import (
	"encoding/binary"
	"math/rand/v2"
)

// TCP flags.
const (
	flagSYN = 0x02
	flagPSH = 0x08
	flagACK = 0x10
)

// Header lengths.
const (
	ethLen  = 14
	ip4Len  = 20
	ip6Len  = 40
	tcpLen  = 20
	udpLen  = 8
	echoLen = 8
)

// echoPayload is what ping(8) sends by default.
const echoPayload = 56

// maxPayload is the largest payload of a packet.
const maxPayload = 1400

// builder builds frames. It is not safe for concurrent access.
type builder struct {
	rnd     *rand.Rand
	frame   []byte
	payload []byte
	// sums holds the unfolded checksum of every prefix of payload, so that a
	// packet's checksum costs the same for all sizes.
	sums []uint32
}

// newBuilder returns a builder that takes its decisions from rnd.
func newBuilder(rnd *rand.Rand) *builder {
	b := &builder{
		rnd:     rnd,
		frame:   make([]byte, 0, ethLen+ip6Len+2*tcpLen+maxPayload),
		payload: make([]byte, maxPayload),
		sums:    make([]uint32, maxPayload+1),
	}

	for i := range b.payload {
		c := byte(rnd.Uint32())
		b.payload[i] = c
		b.sums[i+1] = b.sums[i]
		if i%2 == 0 {
			b.sums[i+1] += uint32(c) << 8
		} else {
			b.sums[i+1] += uint32(c)
		}
	}

	return b
}

// next returns the next frame of f, valid until the next call. micros is the
// time for the TCP timestamps.
func (b *builder) next(f *flow, micros int64) []byte {
	fromServer := b.fromServer(f)
	f.packets++

	b.ethernet(f, fromServer)
	switch f.proto {
	case protoTCP:
		b.tcp(f, fromServer, micros)
	case protoUDP:
		b.udp(f, fromServer)
	default:
		b.echo(f, fromServer)
	}

	return b.frame
}

// fromServer decides the direction of the next packet. The first is the
// client's, the TCP handshake is in order, the rest is random.
func (b *builder) fromServer(f *flow) bool {
	if f.packets == 0 || f.proto == protoTCP && f.packets < 3 {
		return f.packets == 1
	}

	return b.rnd.Uint32()&1 == 1
}

// ethernet starts the frame with the addresses of a vif pair: Xen's prefix on
// the client's side, the fixed address of the backend on the other.
func (b *builder) ethernet(f *flow, fromServer bool) {
	client := [6]byte{0x00, 0x16, 0x3e, 0x5e, 0x6c, byte(f.index%Clients + 2)}
	router := [6]byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}
	src, dst := client, router
	if fromServer {
		src, dst = router, client
	}

	b.frame = append(b.frame[:0], dst[:]...)
	b.frame = append(b.frame, src[:]...)
	if f.v6 {
		b.frame = append(b.frame, 0x86, 0xdd)
	} else {
		b.frame = append(b.frame, 0x08, 0x00)
	}
}

// ip appends the IP header for size bytes of payload and returns the checksum
// of the pseudo header.
func (b *builder) ip(f *flow, fromServer bool, size int) (pseudo uint32) {
	be, start := binary.BigEndian, len(b.frame)
	if f.v6 {
		b.frame = be.AppendUint32(b.frame, 6<<28)
		b.frame = be.AppendUint16(b.frame, uint16(size))
		b.frame = append(b.frame, f.proto, 64)
		b.frame = f.addresses(b.frame, fromServer)
	} else {
		b.frame = append(b.frame, 0x45, 0)
		b.frame = be.AppendUint16(b.frame, uint16(ip4Len+size))
		b.frame = be.AppendUint16(b.frame, uint16(f.packets))
		b.frame = append(b.frame, 0x40, 0, 64, f.proto, 0, 0) // don't fragment
		b.frame = f.addresses(b.frame, fromServer)
		be.PutUint16(b.frame[start+10:], fold(sum(b.frame[start:])))
	}

	if f.proto == protoICMP {
		return 0
	}

	// The addresses end the header in both versions.
	if f.v6 {
		pseudo = sum(b.frame[start+8:])
	} else {
		pseudo = sum(b.frame[start+12:])
	}

	return pseudo + uint32(f.proto) + uint32(size)
}

// tcp appends a TCP segment.
func (b *builder) tcp(f *flow, fromServer bool, micros int64) {
	var n int
	flags := byte(flagACK)
	switch {
	case f.packets == 1:
		flags = flagSYN
	case f.packets == 2:
		flags |= flagSYN
	case f.packets > 3:
		if n = b.segment(); n > 0 {
			flags |= flagPSH
		}
	}

	sport, dport, from := f.cport, f.sport, 0
	if fromServer {
		sport, dport, from = f.sport, f.cport, 1
	}

	options := tcpOptions(flags&flagSYN != 0, uint32(micros/1000))
	pseudo := b.ip(f, fromServer, tcpLen+len(options)+n)

	start, be := len(b.frame), binary.BigEndian
	b.frame = be.AppendUint16(b.frame, sport)
	b.frame = be.AppendUint16(b.frame, dport)
	b.frame = be.AppendUint32(b.frame, f.seq[from])
	if flags&flagACK == 0 {
		b.frame = be.AppendUint32(b.frame, 0)
	} else {
		b.frame = be.AppendUint32(b.frame, f.seq[1-from])
	}

	b.frame = append(b.frame, byte((tcpLen+len(options))/4<<4), flags)
	b.frame = append(b.frame, 0x01, 0xf6, 0, 0, 0, 0) // window, checksum, urgent pointer
	b.frame = append(b.frame, options...)
	b.finish(start, start+16, pseudo, n)

	f.seq[from] += uint32(n)
	if flags&flagSYN != 0 {
		f.seq[from]++
	}
}

// segment picks the payload size of a TCP segment: see the package comment.
func (b *builder) segment() int {
	switch p := b.rnd.IntN(100); {
	case p < 50:
		return 0
	case p < 85:
		return 20 + b.rnd.IntN(81)
	case p < 97:
		return 200 + b.rnd.IntN(201)
	default:
		return 1000 + b.rnd.IntN(401)
	}
}

// tcpOptions returns the options that Linux sends.
func tcpOptions(syn bool, millis uint32) []byte {
	var ts [10]byte
	ts[0], ts[1] = 8, 10
	binary.BigEndian.PutUint32(ts[2:], millis)
	if !syn {
		return append([]byte{1, 1}, ts[:]...)
	}

	// Segment size 1460, SACK permitted, timestamps, window scale 7.
	options := append([]byte{2, 4, 0x05, 0xb4, 4, 2}, ts[:]...)

	return append(options, 1, 3, 3, 7)
}

// udp appends a UDP datagram.
func (b *builder) udp(f *flow, fromServer bool) {
	n := 40 + b.rnd.IntN(161)
	sport, dport := f.cport, f.sport
	if fromServer {
		sport, dport = dport, sport
	}

	pseudo := b.ip(f, fromServer, udpLen+n)

	start, be := len(b.frame), binary.BigEndian
	b.frame = be.AppendUint16(b.frame, sport)
	b.frame = be.AppendUint16(b.frame, dport)
	b.frame = be.AppendUint16(b.frame, uint16(udpLen+n))
	b.frame = append(b.frame, 0, 0)
	b.finish(start, start+6, pseudo, n)
}

// echo appends an echo request or reply.
func (b *builder) echo(f *flow, fromServer bool) {
	// Request and reply of ICMP (RFC 792) and of ICMPv6 (RFC 4443).
	types := [2]byte{8, 0}
	if f.v6 {
		types = [2]byte{128, 129}
	}

	typ := types[0]
	if fromServer {
		typ = types[1]
	}

	pseudo := b.ip(f, fromServer, echoLen+echoPayload)

	start, be := len(b.frame), binary.BigEndian
	b.frame = append(b.frame, typ, 0, 0, 0)
	b.frame = be.AppendUint16(b.frame, f.cport)
	b.frame = be.AppendUint16(b.frame, uint16(f.packets))
	b.finish(start, start+2, pseudo, echoPayload)
}

// finish appends n bytes of payload to the header that begins at start and
// stores the checksum at offset at.
func (b *builder) finish(start, at int, pseudo uint32, n int) {
	check := fold(pseudo + sum(b.frame[start:]) + b.sums[n])
	if check == 0 {
		check = 0xffff // RFC 768: 0 means no checksum; equal for the others
	}

	binary.BigEndian.PutUint16(b.frame[at:], check)
	b.frame = append(b.frame, b.payload[:n]...)
}

// sum returns the unfolded Internet checksum (RFC 1071) of b, whose length must
// be even and below 64 KiB.
func sum(b []byte) (s uint32) {
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(binary.BigEndian.Uint16(b))
	}

	return s
}

// fold returns the checksum field for an unfolded sum.
func fold(s uint32) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}

	return ^uint16(s)
}
