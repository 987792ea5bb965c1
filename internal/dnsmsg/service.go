package dnsmsg

import (
	"encoding/binary"
	"net/netip"
)

// The parameters of a SVCB or HTTPS record that hold addresses (RFC 9460
// section 14.3.2).
const (
	paramIPv4Hint = 4
	paramIPv6Hint = 6
)

// ValidService reports whether data is well-formed as that of a SVCB or HTTPS
// record: priority, target, and parameters in ascending order.
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

// wholeAddresses reports whether a parameter of addresses has a right length.
func wholeAddresses(key, n int) bool {
	switch key {
	case paramIPv4Hint:
		return n > 0 && n%4 == 0
	case paramIPv6Hint:
		return n > 0 && n%16 == 0
	}
	return true
}

// service splits the data of a SVCB record. The target may not be compressed.
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

// ServiceTarget returns the target name of a SVCB or HTTPS record, nil where it
// is the owner itself (".") or the data is malformed. It points into data and
// has the case of the wire.
func ServiceTarget(data []byte) []byte {
	target, _, ok := service(data)
	if !ok || len(target) <= 1 {
		return nil
	}
	return target
}

// Hints calls use with each address that a SVCB or HTTPS record hints at.
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

// StripHints takes the hints at addresses of the wanted families out of the SVCB
// and HTTPS records of a message that [Reply.Rebuild] has made, in place, and
// returns what is left of it.
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
