package clienthello

import "fmt"

// The limits of a QUIC. A client usually sends its ClientHello in one or two
// datagrams and repeats them a few times.
const (
	maxDatagrams = 64
	maxPackets   = 4    // Initials of one datagram
	maxFailures  = 8    // Initials that the current keys do not open
	maxInitial   = 4096 // bytes of an Initial; clients send 1,200 to 1,500
	maxFrames    = 128  // frames of one datagram, without padding; Chrome sends some 20
)

// spent is what a datagram has cost so far: deriving keys takes half of the time that
// a packet may cost.
type spent struct {
	frames  int
	derived bool // keys
}

// QUIC collects the ClientHello from the client's side of a QUIC connection. The
// zero value is ready for use. It is not safe for concurrent access.
//
// It holds at most [MaxMessage] bytes of payload. It gives up at the 65th
// datagram, and at the 9th Initial that cannot be decrypted or needs new keys.
type QUIC struct {
	result
	crypto    assembler
	keys      *initialKeys // of the connection; nil until an Initial is opened
	version   uint32       // of QUIC, that keys belong to
	datagrams uint8
	failures  uint8
}

// Feed takes a UDP payload of the client and returns the status. Except for the
// first, payloads may come in any order and more than once. Feed does nothing once
// the status is not More. It neither changes datagram nor keeps it.
//
// The first payload must hold the client's first Initial, from which the keys are
// derived; a connection whose beginning was missed has no Hello. Packets other
// than Initials are skipped.
func (s *QUIC) Feed(datagram []byte) Status {
	if s.status != More {
		return s.status
	}
	if s.datagrams++; s.datagrams > maxDatagrams {
		s.end(Hello{}, fmt.Errorf("%d datagrams: %w", s.datagrams, ErrTooLarge))
	}
	s.packets(datagram)
	if s.status != More {
		s.crypto, s.keys = assembler{}, nil
	}
	return s.status
}

// Size returns how many bytes are allocated for payload at the moment, at most
// [MaxMessage]. The keys take about 1.5 KiB more.
func (s *QUIC) Size() int { return cap(s.crypto.buf) }

// packets reads the packets of a datagram up to the first thing that is not a
// packet. If no Initial has been read by then, in this datagram or before, the
// stream is not QUIC.
func (s *QUIC) packets(datagram []byte) {
	var cost spent
	for initials := 0; len(datagram) > 0 && initials < maxPackets && s.status == More; {
		p, rest, ok := readPacket(datagram)
		if !ok {
			break
		}
		if p.initial {
			initials++
			s.initial(&p, &cost)
		}
		datagram = rest
	}
	if s.status == More && s.keys == nil && s.failures == 0 {
		s.end(Hello{}, ErrNotQUIC)
	}
}

// initial decrypts an Initial and reads the ClientHello if that completes it.
func (s *QUIC) initial(p *initialPacket, cost *spent) {
	if len(p.data) > maxInitial {
		s.end(Hello{}, fmt.Errorf("an Initial of %d bytes: %w", len(p.data), ErrTooLarge))
		return
	}
	payload, ok := s.open(p, cost)
	if !ok {
		return
	}
	err := s.frames(payload, cost)
	var msg []byte
	if err == nil {
		msg, err = s.crypto.message()
	}
	switch {
	case err != nil:
		s.end(Hello{}, err)
	case msg != nil:
		s.end(Parse(msg, s.version))
	}
}

// open decrypts p with the keys of the connection, which do not change when the
// client adopts the connection ID of the server. Only after a Retry (RFC 9001
// section 5.2) and for another connection with the same ports are new keys needed,
// and in both cases the client starts again, with another datagram.
func (s *QUIC) open(p *initialPacket, cost *spent) ([]byte, bool) {
	if s.keys != nil && p.version == s.version {
		if payload, ok := s.keys.open(p); ok {
			return payload, true
		}
	}
	if s.keys != nil {
		s.failed()
	}
	if s.status != More || cost.derived {
		return nil, false
	}
	cost.derived = true
	keys, err := newInitialKeys(p.version, p.dcid)
	if err != nil {
		s.end(Hello{}, fmt.Errorf("deriving keys: %w: %w", ErrNotQUIC, err))
		return nil, false
	}
	payload, ok := keys.open(p)
	if !ok {
		if s.keys == nil {
			s.failed()
		}
		return nil, false
	}
	s.keys, s.version, s.crypto = keys, p.version, assembler{}
	return payload, true
}

// failed counts an Initial that the current keys do not open.
func (s *QUIC) failed() {
	if s.failures++; s.failures > maxFailures {
		s.end(Hello{}, fmt.Errorf("opening %d packets: %w", s.failures, ErrNotClient))
	}
}
