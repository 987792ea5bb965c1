package wire

import "encoding/binary"

// maxDepth bounds how deeply values may be nested: more than any analyzer does.
const maxDepth = 64

// The major types of CBOR (RFC 8949 section 3.1) that events use.
const (
	majorUint = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	_           // tags are not used
	majorSimple // false, true, null, floating-point numbers
)

// The additional information of an initial byte (RFC 8949 section 3).
const (
	infoByte       = 24 // the argument is in the following byte
	infoEight      = 27 // the argument is in the following eight bytes
	infoIndefinite = 31 // no length: the items end with a break
)

// The simple values and floating-point numbers that events use, by additional
// information (RFC 8949 section 3.3).
const (
	simpleFalse = 20
	simpleNull  = 22
	simpleFloat = 26
)

// breakCode ends a value of indefinite length.
const breakCode = 0xff

// wellFormed reports whether b is exactly one value, of the kinds that an encoder
// writes. The decoder must not see anything else: it loops forever on some
// malformed input, and accepts truncated values.
func wellFormed(b []byte) bool {
	rest, ok := skipValue(b, maxDepth)
	return ok && len(rest) == 0
}

// skipValue returns what follows the first value of b.
func skipValue(b []byte, depth int) (rest []byte, ok bool) {
	if len(b) == 0 || depth == 0 {
		return nil, false
	}
	major, info := b[0]>>5, b[0]&31
	if info == infoIndefinite {
		return skipIndefinite(b[1:], major, depth)
	}
	n, b, ok := argument(b[1:], info)
	if !ok {
		return nil, false
	}
	switch major {
	case majorUint, majorNegative:
		return b, true
	case majorBytes, majorText:
		if n > uint64(len(b)) {
			return nil, false
		}
		return b[n:], true
	case majorArray:
		return skipItems(b, n, 1, depth)
	case majorMap:
		return skipItems(b, n, 2, depth)
	case majorSimple:
		return b, info >= simpleFalse && info <= simpleNull || info == simpleFloat || info == infoEight
	}
	return nil, false
}

// argument reads the argument of an initial byte with additional information info.
func argument(b []byte, info byte) (n uint64, rest []byte, ok bool) {
	if info < infoByte {
		return uint64(info), b, true
	}
	if info > infoEight {
		return 0, nil, false
	}
	size := 1 << (info - infoByte)
	if len(b) < size {
		return 0, nil, false
	}
	var full [8]byte
	copy(full[8-size:], b[:size])
	return binary.BigEndian.Uint64(full[:]), b[size:], true
}

// skipItems skips n items of an array or map, each of size values.
func skipItems(b []byte, n, size uint64, depth int) (rest []byte, ok bool) {
	if n > uint64(len(b)) { // each value has a byte at least
		return nil, false
	}
	for range n * size {
		if b, ok = skipValue(b, depth-1); !ok {
			return nil, false
		}
	}
	return b, true
}

// skipIndefinite skips the items of an array or map without a length.
func skipIndefinite(b []byte, major byte, depth int) (rest []byte, ok bool) {
	if major != majorArray && major != majorMap {
		return nil, false
	}
	for len(b) > 0 && b[0] != breakCode {
		if b, ok = skipItems(b, 1, uint64(major-majorArray+1), depth); !ok {
			return nil, false
		}
	}
	if len(b) == 0 {
		return nil, false
	}
	return b[1:], true
}
