package dnsmsg

// layout describes the data of a type that contains names: skip bytes, character
// strings, names, and tail bytes. Only names in the types of RFC 1035 and in those
// that RFC 3597 section 4 lists may be compressed.
type layout struct{ skip, strings, names, tail int }

// layouts are the types whose data contain names that may be compressed.
var layouts = map[Type]layout{
	TypeNS: {names: 1}, 3: {names: 1}, 4: {names: 1}, TypeCNAME: {names: 1}, TypeSOA: {names: 2, tail: soaData},
	7: {names: 1}, 8: {names: 1}, 9: {names: 1}, TypePTR: {names: 1}, 14: {names: 2}, TypeMX: {skip: 2, names: 1},
	17: {names: 2}, 18: {skip: 2, names: 1}, 21: {skip: 2, names: 1}, 26: {skip: 2, names: 2},
	TypeSRV: {skip: 6, names: 1}, TypeNAPTR: {skip: 4, strings: 3, names: 1}, 36: {skip: 2, names: 1},
	TypeDNAME: {names: 1},
}

// appendData appends the data of a record without compression.
func appendData(dst, msg []byte, r *Record) ([]byte, error) {
	data := msg[r.Data : r.Data+r.Len]
	switch r.Type {
	case TypeA:
		if r.Len != 4 {
			return dst, ErrMalformed
		}
	case TypeAAAA:
		if r.Len != 16 {
			return dst, ErrMalformed
		}
	case TypeSVCB, TypeHTTPS:
		if !ValidService(data) {
			return dst, ErrMalformed
		}
	default:
		if l, ok := layouts[r.Type]; ok {
			return appendNames(dst, msg, r, l)
		}
	}
	return append(dst, data...), nil
}

// appendNames appends the data of a record that contains names.
func appendNames(dst, msg []byte, r *Record, l layout) ([]byte, error) {
	off, end := r.Data+l.skip, r.Data+r.Len
	for range l.strings {
		if off >= end {
			return dst, ErrMalformed
		}
		off += 1 + int(msg[off])
	}
	if off > end {
		return dst, ErrMalformed
	}
	dst = append(dst, msg[r.Data:off]...)
	for range l.names {
		var err error
		if dst, off, err = AppendName(dst, msg[:end], off); err != nil {
			return dst, ErrMalformed
		}
	}
	if end-off != l.tail {
		return dst, ErrMalformed
	}
	return append(dst, msg[off:end]...), nil
}

// nameAt reports whether the name at offset off of msg is name, ignoring case. It
// does not allocate.
func nameAt(msg []byte, off int, name []byte) bool {
	for limit, jumps := off, 0; off < len(msg) && len(name) > 0; {
		c := int(msg[off])
		if c&0xC0 == 0xC0 {
			if jumps++; off+1 >= len(msg) || jumps > maxPointers {
				return false
			}
			if off = (c&0x3F)<<8 | int(msg[off+1]); off >= limit {
				return false
			}
			limit = off
			continue
		}
		if c != int(name[0]) || c&0xC0 != 0 || off+1+c > len(msg) || !EqualFold(msg[off+1:off+1+c], name[1:1+c]) {
			return false
		}
		if c == 0 {
			return true
		}
		off, name = off+1+c, name[1+c:]
	}
	return false
}
