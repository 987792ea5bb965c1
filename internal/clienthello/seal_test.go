package clienthello_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"
)

// protection is how a version of QUIC protects Initials, with the values of RFC
// 9001 section 5.2, RFC 9369 section 3.3 and draft-ietf-quic-tls-29 section 5.2.
type protection struct {
	version uint32
	salt    string // hexadecimal
	prefix  string
	first   byte // of an Initial with a packet number of 4 bytes
}

var (
	version1  = protection{1, "38762cf7f55934b34d179ae6a4c80cadccbb7f0a", "quic ", 0xc3}
	version2  = protection{0x6b3343cf, "0dede3def700a6db819381be6e269dcbf9bd2ed9", "quicv2 ", 0xd3}
	version29 = protection{0xff00001d, "afbfec289993d24c9e9786f19c6111e04390a899", "quic ", 0xc3}
)

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// expand is HKDF-Expand-Label for at most 32 bytes.
func expand(secret []byte, label string, size int) []byte {
	info := append([]byte{0, byte(size)}, vector8([]byte("tls13 "+label))...)
	return mac(secret, info, []byte{0}, []byte{1})[:size]
}

// seal returns an Initial of which header is the unprotected header with its
// packet number (RFC 9001 sections 5.3 and 5.4). Role is "client in" or "server in".
func (p *protection) seal(tb testing.TB, role string, dcid, header, payload []byte) []byte {
	tb.Helper()
	secret := expand(mac(unhex(tb, p.salt), dcid), role, 32)
	key, err := aes.NewCipher(expand(secret, p.prefix+"key", 16))
	if err != nil {
		tb.Fatal(err)
	}
	aead, err := cipher.NewGCM(key)
	if err != nil {
		tb.Fatal(err)
	}
	nonce := expand(secret, p.prefix+"iv", 12)
	size := int(header[0]&3) + 1
	for i, b := range header[len(header)-size:] {
		nonce[12-size+i] ^= b
	}
	packet := aead.Seal(slices.Clone(header), nonce, payload, header)

	hp, err := aes.NewCipher(expand(secret, p.prefix+"hp", 16))
	if err != nil {
		tb.Fatal(err)
	}
	var mask [16]byte
	hp.Encrypt(mask[:], packet[len(header)-size+4:][:16])
	packet[0] ^= mask[0] & 0x0f
	for i := range size {
		packet[len(header)-size+i] ^= mask[1+i]
	}
	return packet
}

// initial is what varies between the Initials of the tests.
type initial struct {
	protection
	role       string // "client in" where empty
	origin     []byte // connection ID that the keys follow from; dcid where nil
	dcid, scid []byte
	token      []byte
	number     uint32
	omit       int // bytes of the number that are left out, 0 to 3
	frames     []byte
	size       int // what PADDING fills it up to
}

// varint encodes as RFC 9000 section 16 says, in 2 or 4 bytes.
func varint(n int) []byte {
	if n < 1<<14 {
		return []byte{0x40 | byte(n>>8), byte(n)}
	}
	return binary.BigEndian.AppendUint32(nil, 0x80000000|uint32(n))
}

// packet returns the protected packet.
func (i initial) packet(tb testing.TB) []byte {
	tb.Helper()
	header := binary.BigEndian.AppendUint32([]byte{i.first - byte(i.omit)}, i.version)
	header = append(append(header, vector8(i.dcid)...), vector8(i.scid)...)
	header = append(append(header, varint(len(i.token))...), i.token...)
	frames := slices.Clone(i.frames)
	if fill := i.size - len(header) - 2 - 4 - 16 - len(frames); fill > 0 {
		frames = append(frames, make([]byte, fill)...)
	}
	header = append(header, varint(4-i.omit+len(frames)+16)...)
	header = append(header, binary.BigEndian.AppendUint32(nil, i.number)[i.omit:]...)
	if i.origin == nil {
		i.origin = i.dcid
	}
	if i.role == "" {
		i.role = "client in"
	}
	return i.seal(tb, i.role, i.origin, header, frames)
}

// crypto returns a CRYPTO frame with the bytes of msg from offset on.
func crypto(msg []byte, from, to int) []byte {
	frame := append([]byte{6}, varint(from)...)
	return append(append(frame, varint(to-from)...), msg[from:to]...)
}
