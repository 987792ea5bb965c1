package clienthello

import "fmt"

// The limits of a QUIC. A client sends its ClientHello in two datagrams at most
// and repeats them a few times.
const (
	maxDatagrams = 64
	maxPackets   = 4 // Initials in one datagram
	maxFailures  = 8 // Initials that the keys at hand do not open
)

// QUIC collects the ClientHello from the client's side of a QUIC connection. The
// zero value is ready for use. It is not safe for concurrent access.
//
// It holds at most [MaxMessage] bytes of payload. It gives up at the 65th
// datagram, and at the 9th Initial that fails to decrypt or needs other keys than
// the one before.
type QUIC struct {
	result
	crypto    assembler
	keys      *initialKeys // of the connection; nil until an Initial was opened
	version   uint32       // that of keys
	datagrams uint8
	failures  uint8
}

// Feed takes a UDP payload of the client. Order does not matter, but for the
// first, and payloads may come again. It does nothing once the status is not
// More. Datagram is not changed, and not used after Feed has returned.
//
// The first must be the client's first Initial, as its keys follow from it; a
// connection whose beginning was missed has no Hello. Packets other than Initials
// are skipped.
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

// Size returns how many bytes of payload s has room for at the moment, at most
// [MaxMessage]. The keys take about 1.5 KiB more.
func (s *QUIC) Size() int { return cap(s.crypto.buf) }

// packets reads the packets of a datagram. What is no packet ends it, and the
// stream, too, where nothing was read before.
func (s *QUIC) packets(datagram []byte) {
	for initials := 0; len(datagram) > 0 && initials < maxPackets && s.status == More; {
		p, rest, ok := readPacket(datagram)
		if !ok {
			break
		}
		if p.initial {
			initials++
			s.initial(&p)
		}
		datagram = rest
	}
	if s.status == More && s.keys == nil && s.failures == 0 {
		s.end(Hello{}, ErrNotQUIC)
	}
}

// initial opens an Initial and reads the ClientHello where it is whole.
func (s *QUIC) initial(p *initialPacket) {
	payload, ok := s.open(p)
	if !ok {
		return
	}
	err := s.frames(payload)
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

// open opens p with the keys of the connection, which stay as they are when the
// client takes over the connection ID of the server. Only a Retry (RFC 9001
// section 5.2) or another connection with the same ports needs others, and with
// both the client says everything anew.
func (s *QUIC) open(p *initialPacket) ([]byte, bool) {
	if s.keys != nil && p.version == s.version {
		if payload, ok := s.keys.open(p); ok {
			return payload, true
		}
	}
	if s.keys != nil {
		s.failed()
	}
	if s.status != More {
		return nil, false
	}
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

// failed counts what the keys at hand do not open.
func (s *QUIC) failed() {
	if s.failures++; s.failures > maxFailures {
		s.end(Hello{}, fmt.Errorf("opening %d packets: %w", s.failures, ErrNotClient))
	}
}
