package dnsmsg

import (
	"encoding/binary"
	"net/netip"
)

// The parameters of SVCB and HTTPS records that contain addresses (RFC 9460
// section 14.3.2).
const (
	paramIPv4Hint = 4
	paramIPv6Hint = 6
)

// ValidService reports whether data is well-formed data of a SVCB or HTTPS record:
// priority, target, and parameters in ascending order (RFC 9460 section 2.2).
func ValidService(data []byte) bool {
	_, params, ok := service(data)
	for last := -1; ok && len(params) > 0; {
		if len(params) < 4 {
			return false
		}
		key, n := int(binary.BigEndian.Uint16(params)), int(binary.BigEndian.Uint16(params[2:]))
		if key <= last || len(params) < 4+n || !wholeAddresses(key, n) {
			return false
		}
		last, params = key, params[4+n:]
	}
	return ok
}

// wholeAddresses reports whether a parameter of n bytes that contains addresses
// has whole ones; it is true for other parameters.
func wholeAddresses(key, n int) bool {
	switch key {
	case paramIPv4Hint:
		return n > 0 && n%4 == 0
	case paramIPv6Hint:
		return n > 0 && n%16 == 0
	}
	return true
}

// service splits the data of a SVCB or HTTPS record. The target must not be
// compressed (RFC 9460 section 2.2).
func service(data []byte) (target, params []byte, ok bool) {
	if len(data) < 3 {
		return nil, nil, false
	}
	data = data[2:]
	off := 0
	for off < len(data) && data[off] != 0 {
		if data[off]&0xC0 != 0 {
			return nil, nil, false
		}
		off += 1 + int(data[off])
	}
	if off++; off > len(data) || off > MaxName {
		return nil, nil, false
	}
	return data[:off], data[off:], true
}

// ServiceTarget returns the target name of a SVCB or HTTPS record, nil if it is
// the owner itself (".") or the data is malformed. The result is a part of data,
// with the case of its letters.
func ServiceTarget(data []byte) []byte {
	target, _, ok := service(data)
	if !ok || len(target) <= 1 {
		return nil
	}
	return target
}

// Hints calls use with each address hint of a SVCB or HTTPS record (RFC 9460
// section 7.3).
func Hints(data []byte, use func(netip.Addr)) {
	_, params, ok := service(data)
	for ok && len(params) >= 4 {
		key, n := int(binary.BigEndian.Uint16(params)), int(binary.BigEndian.Uint16(params[2:]))
		if len(params) < 4+n {
			return
		}
		size := 0
		if key == paramIPv4Hint {
			size = 4
		} else if key == paramIPv6Hint {
			size = 16
		}
		for v := params[4 : 4+n]; size > 0 && len(v) >= size; v = v[size:] {
			if a, ok := netip.AddrFromSlice(v[:size]); ok {
				use(a)
			}
		}
		params = params[4+n:]
	}
}

// StripHints removes the address hints of the given families from the SVCB and
// HTTPS records of a message that [Reply.Rebuild] has made. It works in place and
// returns the shortened message.
func StripHints(msg []byte, v4, v6 bool) []byte {
	var r Reader
	if r.Read(msg) != nil {
		return msg
	}
	for rr := (Record{}); r.Next(&rr); {
		if rr.Type != TypeSVCB && rr.Type != TypeHTTPS {
			continue
		}
		data := msg[rr.Data : rr.Data+rr.Len]
		target, params, ok := service(data)
		for off := 2 + len(target); ok && len(params) >= 4; params = msg[rr.Data+off : rr.Data+rr.Len] {
			key, n := binary.BigEndian.Uint16(params), 4+int(binary.BigEndian.Uint16(params[2:]))
			if len(params) < n {
				break
			}
			if !(v4 && key == paramIPv4Hint || v6 && key == paramIPv6Hint) {
				off += n
				continue
			}
			at := rr.Data + off
			msg = append(msg[:at], msg[at+n:]...)
			rr.Len -= n
			r.msg, r.off = msg, r.off-n
			binary.BigEndian.PutUint16(msg[rr.Data-2:], uint16(rr.Len))
		}
	}
	return msg
}
