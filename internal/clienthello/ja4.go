package clienthello

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
)

// ja4Size is the length of every fingerprint: 10 characters, and two hashes of 12
// each after an underscore.
const ja4Size = 10 + 2*13

// The bounds of the lists that are hashed. IANA has registered some 350 cipher suites,
// 60 extensions and 50 signature algorithms, and no client offers them all. Longer
// lists would cost more time than a packet may take, and have no fingerprint.
const (
	maxCiphers    = 512
	maxTypes      = 128
	maxAlgorithms = 128
)

// hashable reports whether the lists are within their bounds.
func (m *message) hashable() bool {
	return len(m.ciphers) <= 2*maxCiphers && m.count <= maxTypes && len(m.algorithms()) <= 2*maxAlgorithms
}

// ja4 returns the fingerprint that FoxIO's technical_details/JA4.md defines, "" if
// the lists are too long. The argument protocols is a well-formed list of ALPN.
func (m *message) ja4(version uint16, protocols []byte, quic bool) string {
	if !m.hashable() {
		return ""
	}
	var room [2][64]uint16 // more than browsers send, so that nothing is allocated
	ciphers := m.cipherList(room[0][:0])
	types, count := m.typeList(room[1][:0])

	var buf [ja4Size]byte
	out := append(buf[:0], 't')
	if quic {
		out[0] = 'q'
	}
	out = append(out, versionCode(version)...)
	out = append(out, sniCode(m.has&hasSNI != 0))
	out = appendCount(out, len(ciphers))
	out = appendCount(out, count)
	out = appendALPN(out, protocols)

	var text [1024]byte
	out = appendHash(append(out, '_'), appendList(text[:0], ciphers))
	list := appendList(text[:0], types)
	out = appendHash(append(out, '_'), m.appendAlgorithms(list))
	return string(out)
}

// cipherList appends the sorted cipher suites without GREASE to list.
func (m *message) cipherList(list []uint16) []uint16 {
	for b := m.ciphers; len(b) > 0; b = b[2:] {
		if v := binary.BigEndian.Uint16(b); !isGREASE(v) {
			list = append(list, v)
		}
	}
	sortValues(list)
	return list
}

// typeList appends the sorted types of the extensions to list, without GREASE,
// server_name and ALPN. The last two are included in count.
func (m *message) typeList(list []uint16) (sorted []uint16, count int) {
	for r := (reader{b: m.extensions}); len(r.b) > 0; {
		typ := r.uint16()
		r.vector16()
		if isGREASE(typ) {
			continue
		}
		count++
		if typ != 0 && typ != extALPN {
			list = append(list, typ)
		}
	}
	sortValues(list)
	return list, count
}

// appendAlgorithms appends an underscore and the signature algorithms in their
// order, without GREASE, or nothing if there are none.
func (m *message) appendAlgorithms(text []byte) []byte {
	sep := byte('_')
	for b := m.algorithms(); len(b) > 0; b = b[2:] {
		if v := binary.BigEndian.Uint16(b); !isGREASE(v) {
			text = appendHex(append(text, sep), v)
			sep = ','
		}
	}
	return text
}

// versionCode returns the two characters that stand for a version.
func versionCode(v uint16) string {
	switch v {
	case 0x0304:
		return "13"
	case 0x0303:
		return "12"
	case 0x0302:
		return "11"
	case 0x0301:
		return "10"
	case 0x0300:
		return "s3"
	case 0x0002:
		return "s2"
	}
	return "00"
}

// sniCode returns the character for a connection to a domain, which has SNI, or to
// an address.
func sniCode(hasSNI bool) byte {
	if hasSNI {
		return 'd'
	}
	return 'i'
}

// appendCount appends n as two digits, 99 at most.
func appendCount(out []byte, n int) []byte {
	n = min(n, 99)
	return append(out, '0'+byte(n/10), '0'+byte(n%10)) //nolint:gosec // two digits
}

// appendALPN appends the first and last character of the first protocol. If either
// is not alphanumeric, they are those of the protocol in hexadecimal.
func appendALPN(out, protocols []byte) []byte {
	const digits = "0123456789abcdef"
	r := reader{b: protocols}
	p := r.vector8()
	if len(p) == 0 {
		return append(out, "00"...)
	}
	first, last := p[0], p[len(p)-1]
	if !isAlphanumeric(first) || !isAlphanumeric(last) {
		first, last = digits[first>>4], digits[last&15]
	}
	return append(out, first, last)
}

// appendList appends the values as 4 hexadecimal digits each, with commas.
func appendList(text []byte, values []uint16) []byte {
	for i, v := range values {
		if i > 0 {
			text = append(text, ',')
		}
		text = appendHex(text, v)
	}
	return text
}

// appendHex appends v as 4 hexadecimal digits.
func appendHex(text []byte, v uint16) []byte {
	const digits = "0123456789abcdef"
	return append(text, digits[v>>12], digits[v>>8&15], digits[v>>4&15], digits[v&15])
}

// sortValues sorts up to maxCiphers values.
func sortValues(list []uint16) {
	if len(list) <= 48 {
		slices.Sort(list)
		return
	}
	sortDigits(list)
}

// sortDigits sorts by one digit after the other, which takes as long for the worst
// order as for any other.
func sortDigits(list []uint16) {
	var room [maxCiphers]uint16
	other := room[:len(list)]
	byDigit(other, list, 0)
	byDigit(list, other, 8)
}

// byDigit copies src to dst in the order of the eight bits above shift; values with the
// same bits keep their order.
func byDigit(dst, src []uint16, shift uint) {
	var next [256]uint16 // where the next value with a digit goes
	for _, v := range src {
		next[v>>shift&255]++
	}
	sum := uint16(0)
	for d, n := range next {
		next[d] = sum
		sum += n
	}
	for _, v := range src {
		d := v >> shift & 255
		dst[next[d]] = v
		next[d]++
	}
}

// appendHash appends the first 12 hexadecimal digits of the SHA-256 of text, or
// zeros if text is empty, which shows that there was nothing to hash.
func appendHash(out, text []byte) []byte {
	if len(text) == 0 {
		return append(out, "000000000000"...)
	}
	sum := sha256.Sum256(text)
	return hex.AppendEncode(out, sum[:6])
}
