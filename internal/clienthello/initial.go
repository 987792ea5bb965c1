package clienthello

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// maxConnID is the length in bytes of the longest connection ID of QUIC 1 and 2
// (RFC 9000 section 17.2).
const maxConnID = 20

// minDatagram is the size in bytes of the smallest datagram in which a client may
// send an Initial (RFC 9000 section 14.1).
const minDatagram = 1200

// The supported versions of QUIC.
const (
	quic1  = 0x00000001 // RFC 9000
	quic2  = 0x6b3343cf // RFC 9369
	quic29 = 0xff00001d // draft-ietf-quic-transport-29
)

// initialType returns the packet type bits that mark an Initial in its first byte
// (RFC 9000 section 17.2 and RFC 9369 section 3.2). ok is false for an unsupported
// version.
func initialType(version uint32) (bits byte, ok bool) {
	switch version {
	case quic1, quic29:
		return 0x00, true
	case quic2:
		return 0x10, true
	}
	return 0, false
}

// IsQUICInitial reports whether payload, a UDP payload, looks like the first
// datagram of a QUIC client: a long header with the fixed bit, a supported version
// and the type Initial, in at least the 1200 bytes that RFC 9000 section 14.1
// demands of a client. A capture that cuts packets shorter finds none; it could
// not decrypt them anyway. Servers send such datagrams, too. It does not allocate.
func IsQUICInitial(payload []byte) bool {
	if len(payload) < minDatagram || payload[0]&0xc0 != 0xc0 || payload[5] > maxConnID {
		return false
	}
	bits, ok := initialType(binary.BigEndian.Uint32(payload[1:]))
	return ok && payload[0]&0x30 == bits
}

// initialPacket is a packet with a long header. All slices are parts of the
// datagram.
type initialPacket struct {
	version uint32
	initial bool   // the type is Initial
	dcid    []byte // Destination Connection ID
	head    int    // offset of the packet number
	data    []byte // the packet up to the end of its payload
}

// readPacket splits the first packet off a datagram (RFC 9000 section 12.2). ok is
// false if there is none whose end is known. A Retry, which has no length and
// which only servers send, is read as if it were some other packet that is not an
// Initial.
func readPacket(datagram []byte) (p initialPacket, rest []byte, ok bool) {
	r := reader{b: datagram}
	first := r.uint8()
	if first&0xc0 != 0xc0 {
		return p, nil, false
	}
	p.version = uint32(r.uint16())<<16 | uint32(r.uint16())
	bits, known := initialType(p.version)
	p.dcid = r.vector8()
	scid := r.vector8()
	if r.short || !known || len(p.dcid) > maxConnID || len(scid) > maxConnID {
		return p, nil, false
	}
	if p.initial = first&0x30 == bits; p.initial {
		r.varbytes() // token
	}
	size := r.varint()
	p.head = len(datagram) - len(r.b)
	if r.short || size > uint64(len(r.b)) {
		return p, nil, false
	}
	end := p.head + int(size) //nolint:gosec // at most len(datagram)
	p.data = datagram[:end:end]
	return p, datagram[end:], true
}

// initialKeys are the keys that decrypt the Initials of a client.
type initialKeys struct {
	aead cipher.AEAD
	hp   cipher.Block // header protection
	iv   [12]byte
}

// newInitialKeys derives the keys from the Destination Connection ID of the
// client's first Initial (RFC 9001 section 5.2, RFC 9369 section 3.3). It fails
// only if the Go runtime enforces FIPS 140-3, which does not allow such keys.
func newInitialKeys(version uint32, dcid []byte) (*initialKeys, error) {
	salt, prefix := initialSalt(version)
	initial, err1 := hkdf.Extract(sha256.New, dcid, []byte(salt))
	client, err2 := expandLabel(initial, "client in", sha256.Size)
	key, err3 := expandLabel(client, prefix+" key", 16)
	iv, err4 := expandLabel(client, prefix+" iv", 12)
	hp, err5 := expandLabel(client, prefix+" hp", 16)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	k := &initialKeys{iv: [12]byte(iv)}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if k.aead, err = cipher.NewGCM(block); err != nil {
		return nil, err
	}
	k.hp, err = aes.NewCipher(hp)
	return k, err
}

// initialSalt returns the salt of a version and the prefix of its labels (RFC 9001
// section 5, RFC 9369 section 3.3).
func initialSalt(version uint32) (salt, prefix string) {
	switch version {
	case quic2:
		return "\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9", "quicv2"
	case quic29:
		return "\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99", "quic"
	}
	return "\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a", "quic"
}

// expandLabel is HKDF-Expand-Label of RFC 8446 section 7.1 with an empty context.
func expandLabel(secret []byte, label string, size int) ([]byte, error) {
	const tls = "tls13 "
	info := string([]byte{0, byte(size), byte(len(tls) + len(label))}) + tls + label + "\x00" //nolint:gosec // short
	return hkdf.Expand(sha256.New, secret, info, size)
}

// open removes the protection of p and returns its frames (RFC 9001 section 5). ok
// is false if p was not protected with these keys. The datagram is not changed.
//
// The packet number is used as it is sent; the upper bits, which a client may omit
// from its 256th Initial on (RFC 9000 section 17.1), are taken for 0.
func (k *initialKeys) open(p *initialPacket) (frames []byte, ok bool) {
	const sampleAt, sampleSize = 4, aes.BlockSize // RFC 9001 section 5.4.2
	if len(p.data) < p.head+sampleAt+sampleSize {
		return nil, false
	}
	var mask [aes.BlockSize]byte
	k.hp.Encrypt(mask[:], p.data[p.head+sampleAt:][:sampleSize])
	size := int((p.data[0]^mask[0])&3) + 1
	packet := append(make([]byte, 0, len(p.data)), p.data...)
	packet[0] ^= mask[0] & 0x0f
	nonce := k.iv
	for i := range size {
		packet[p.head+i] ^= mask[1+i]
		nonce[len(nonce)-size+i] ^= packet[p.head+i]
	}
	header, payload := packet[:p.head+size], packet[p.head+size:]
	frames, err := k.aead.Open(payload[:0], nonce[:], payload, header)
	return frames, err == nil
}
