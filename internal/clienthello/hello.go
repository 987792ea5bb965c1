package clienthello

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MaxMessage is the size in bytes of the largest ClientHello that is read,
// including its header of 4 bytes. Browsers send 0.5 to 2 KiB, of which a
// post-quantum key share takes 1.2 KiB.
const MaxMessage = 16 << 10

// Every error of this package wraps one of these.
var (
	ErrNotTLS    = errors.New("clienthello: not TLS")
	ErrNotQUIC   = errors.New("clienthello: not a supported version of QUIC")
	ErrNotClient = errors.New("clienthello: not from a client")
	ErrMalformed = errors.New("clienthello: malformed")
	ErrTooLarge  = errors.New("clienthello: too large or in too many parts")
)

// Hello is the content of a ClientHello. It shares no memory with the packets that
// it was read from.
type Hello struct {
	// ServerName is the first host_name of the server_name extension (RFC 6066
	// section 3) in lower case, at most 255 letters, digits, '-', '.' and '_'. It
	// is empty if there is none or it has any other character. If ECH is set, it
	// may be the public name of the provider instead of the server's.
	ServerName string

	// ALPN are the first 8 protocols of the offer in its order (RFC 7301 section
	// 3.1). Bytes that are not printable ASCII, and the backslash, are written
	// \xNN. Together they have at most 256 characters: a protocol that exceeds
	// that is cut, ends in "..." and is the last. It is nil if none is offered.
	ALPN []string

	// Version is the highest version on offer, without GREASE (RFC 8701): 0x0304
	// is TLS 1.3.
	Version uint16

	// ECH reports whether there is an encrypted_client_hello extension (RFC 9849).
	// Browsers also send a meaningless one to servers that do not support it, and
	// an observer cannot tell the two apart.
	ECH bool

	// QUIC is the version of QUIC, 0 for TLS over TCP.
	QUIC uint32

	// JA4 is the fingerprint of the client, such as
	// t13d1516h2_8daaf6152771_e5627efa2ab1. It is empty if the lists that go into
	// it are longer than those of any client, see the package's bounds.
	JA4 string
}

// TextSize returns the bytes of all texts of a Hello, 0 if h is nil.
func (h *Hello) TextSize() int {
	if h == nil {
		return 0
	}
	n := len(h.ServerName) + len(h.JA4)
	for _, p := range h.ALPN {
		n += len(p)
	}
	return n
}

// Parse reads msg, a whole handshake message with its header of 4 bytes. The
// argument quic is the version of QUIC that carried it, 0 for TLS over TCP. Parse
// returns an error wrapping [ErrNotClient], [ErrMalformed] or [ErrTooLarge].
//
// Of an extension whose body is malformed only the type is used, as JA4 does. If
// there are several extensions of one type, which RFC 8446 section 4.2 forbids,
// the first is read. Parse is safe for concurrent use.
func Parse(msg []byte, quic uint32) (Hello, error) {
	m, err := readMessage(msg)
	if err != nil {
		return Hello{}, err
	}
	protocols := m.protocols()
	h := Hello{
		ServerName: m.serverName(),
		ALPN:       names(protocols),
		Version:    m.highest(),
		ECH:        m.has&hasECH != 0,
		QUIC:       quic,
	}
	h.JA4 = m.ja4(h.Version, protocols, quic != 0)
	return h, nil
}

// message is a ClientHello whose parts are not interpreted yet. All slices are
// parts of the message.
type message struct {
	version    uint16 // legacy_version
	count      int    // of extensions
	has        uint8  // hasSNI and so on: which extensions are present
	ciphers    []byte // an even number of bytes
	extensions []byte // well-formed up to the bodies
	sni        []byte // bodies of extensions
	alpn       []byte
	versions   []byte
	signatures []byte
}

// The bits of message.has.
const (
	hasSNI = 1 << iota
	hasALPN
	hasVersions
	hasSignatures
	hasECH
)

// typeClientHello is the handshake type (RFC 8446 section 4).
const typeClientHello = 1

// length returns the size of the handshake message that starts with b, including
// its header, or 0 if b is too short to contain the length.
func length(b []byte) (int, error) {
	if len(b) > 0 && b[0] != typeClientHello {
		return 0, fmt.Errorf("handshake message of type %d: %w", b[0], ErrNotClient)
	}
	if len(b) > 1 && b[1] != 0 {
		return 0, fmt.Errorf("message of 64 KiB or more: %w", ErrTooLarge)
	}
	if len(b) < 4 {
		return 0, nil
	}
	n := 4 + int(b[2])<<8 + int(b[3])
	if n > MaxMessage {
		return 0, fmt.Errorf("message of %d bytes: %w", n, ErrTooLarge)
	}
	return n, nil
}

// readMessage splits msg into the fields of RFC 8446 section 4.1.2. Messages
// without extensions, which TLS 1.2 and older allow, are valid.
func readMessage(msg []byte) (m message, err error) {
	n, err := length(msg)
	if err != nil {
		return m, err
	}
	if n == 0 || n != len(msg) {
		return m, fmt.Errorf("message of %d bytes has a length of %d: %w", len(msg), n, ErrMalformed)
	}
	r := reader{b: msg[4:]}
	m.version = r.uint16()
	r.take(32)  // random
	r.vector8() // session ID; like crypto/tls, accept more than the RFC's 32 bytes
	m.ciphers = r.vector16()
	r.vector8() // compression methods
	if len(r.b) > 0 {
		m.extensions = r.vector16()
	}
	if r.short || len(r.b) > 0 || len(m.ciphers)%2 != 0 || !m.index() {
		return m, fmt.Errorf("reading message at byte %d: %w", len(msg)-len(r.b), ErrMalformed)
	}
	return m, nil
}

// index finds the extensions that Hello needs. It reports whether their list is
// well-formed.
func (m *message) index() bool {
	for b := m.extensions; len(b) > 0; m.count++ {
		if len(b) < 4 {
			return false
		}
		end := 4 + int(binary.BigEndian.Uint16(b[2:]))
		if end > len(b) {
			return false
		}
		body := b[4:end:end]
		switch binary.BigEndian.Uint16(b) {
		case 0: // server_name
			m.setFirst(hasSNI, &m.sni, body)
		case 13: // signature_algorithms
			m.setFirst(hasSignatures, &m.signatures, body)
		case extALPN:
			m.setFirst(hasALPN, &m.alpn, body)
		case 43: // supported_versions
			m.setFirst(hasVersions, &m.versions, body)
		case 0xfe0d: // encrypted_client_hello
			m.has |= hasECH
		}
		b = b[end:]
	}
	return true
}

// setFirst sets *to to body if the extension is the first of its type.
func (m *message) setFirst(bit uint8, to *[]byte, body []byte) {
	if m.has&bit == 0 {
		m.has |= bit
		*to = body
	}
}
