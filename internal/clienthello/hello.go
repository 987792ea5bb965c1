package clienthello

import (
	"errors"
	"fmt"
)

// MaxMessage is the size in bytes of the largest ClientHello that is read, its
// header of 4 bytes included. Browsers send 0.5 to 2 KiB, of which a post-quantum
// key share is 1.2 KiB.
const MaxMessage = 16 << 10

// The reasons why there is no Hello. Errors of this package wrap one of them.
var (
	ErrNotTLS    = errors.New("clienthello: not TLS")
	ErrNotQUIC   = errors.New("clienthello: not a known version of QUIC")
	ErrNotClient = errors.New("clienthello: not from a client")
	ErrMalformed = errors.New("clienthello: malformed")
	ErrTooLarge  = errors.New("clienthello: too large or in too many parts")
)

// Hello is what a ClientHello tells. The zero value is that of no ClientHello.
// It shares no memory with the packets that it was read from.
type Hello struct {
	// ServerName is the first host_name of the server_name extension (RFC 6066
	// section 3) in lower case, at most 255 letters, digits, '-', '.' and '_'. It
	// is empty where there is none or where it has any other character. Where ECH
	// is set, it may be the public name of the provider instead of the server's.
	ServerName string

	// ALPN are the first 8 protocols of the offer in its order (RFC 7301 section
	// 3.1). Bytes that are not printable ASCII, and the backslash, are written
	// \xNN. It is nil where there are none.
	ALPN []string

	// Version is the highest version on offer, GREASE (RFC 8701) left aside:
	// 0x0304 is TLS 1.3.
	Version uint16

	// ECH says that an encrypted_client_hello extension (RFC 9849) is there.
	// Browsers send a meaningless one to servers without it, which nobody on the
	// path can tell apart.
	ECH bool

	// QUIC is the version of QUIC, 0 for TLS over TCP.
	QUIC uint32

	// JA4 is the fingerprint of the client, such as
	// t13d1516h2_8daaf6152771_e5627efa2ab1.
	JA4 string
}

// Parse reads msg, a whole handshake message with its header of 4 bytes. QUIC is
// the version of QUIC that carried it, 0 for TLS over TCP. It returns an error
// wrapping [ErrNotClient], [ErrMalformed] or [ErrTooLarge].
//
// An extension whose body is malformed counts by its type, as in JA4, and says
// nothing else. Of extensions of one type the first is read, though RFC 8446
// section 4.2 allows only one. Parse is safe for concurrent use.
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
	has        uint8  // which of the extensions below are there
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

// length returns the size of the handshake message that starts with b, its
// header included, or 0 where b is too short to tell.
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

// readMessage takes msg apart as RFC 8446 section 4.1.2 lays it out. Messages
// without extensions, which TLS 1.2 and older allow, are fine.
func readMessage(msg []byte) (m message, err error) {
	n, err := length(msg)
	if err != nil {
		return m, err
	}
	if n == 0 || n != len(msg) {
		return m, fmt.Errorf("message of %d bytes holds %d: %w", n, len(msg), ErrMalformed)
	}
	r := reader{b: msg[4:]}
	m.version = r.uint16()
	r.take(32)  // random
	r.vector8() // session ID; longer ones than the RFC's 32 bytes pass in crypto/tls
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

// index finds the extensions that Hello shows. It reports false where their list
// is malformed.
func (m *message) index() bool {
	r := reader{b: m.extensions}
	for len(r.b) > 0 {
		typ, body := r.uint16(), r.vector16()
		if r.short {
			return false
		}
		switch typ {
		case 0: // server_name
			m.keep(hasSNI, &m.sni, body)
		case 13: // signature_algorithms
			m.keep(hasSignatures, &m.signatures, body)
		case extALPN:
			m.keep(hasALPN, &m.alpn, body)
		case 43: // supported_versions
			m.keep(hasVersions, &m.versions, body)
		case 0xfe0d: // encrypted_client_hello
			m.has |= hasECH
		}
	}
	return true
}

// keep sets *to to body where the extension is the first of its type.
func (m *message) keep(bit uint8, to *[]byte, body []byte) {
	if m.has&bit == 0 {
		m.has |= bit
		*to = body
	}
}
