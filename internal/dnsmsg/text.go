package dnsmsg

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
)

// Address returns the address of an A or AAAA record of msg, the zero Addr for any
// other type.
func (r *Record) Address(msg []byte) netip.Addr {
	if r.Type == TypeA && r.Len == 4 || r.Type == TypeAAAA && r.Len == 16 {
		a, _ := netip.AddrFromSlice(msg[r.Data : r.Data+r.Len])
		return a
	}
	return netip.Addr{}
}

// DataText returns the data of a record of msg in presentation format, with names
// without the dot at the end. Data of unknown types are in the form of RFC 3597
// section 5.
func (r *Record) DataText(msg []byte) string {
	if a := r.Address(msg); a.IsValid() {
		return a.String()
	}
	data := msg[r.Data : r.Data+r.Len]
	if l, ok := layouts[r.Type]; ok {
		if s, ok := namesText(msg, r, l); ok {
			return s
		}
	}
	switch r.Type {
	case TypeTXT, TypeHINFO, 99:
		return stringsText(data)
	case TypeSVCB, TypeHTTPS:
		if target, params, ok := service(data); ok {
			priority := binary.BigEndian.Uint16(data)
			return strings.TrimSpace(fmt.Sprintf("%d %s %s", priority, Text(target),
				base64.StdEncoding.EncodeToString(params)))
		}
	}
	return fmt.Sprintf(`\# %d %s`, r.Len, hex.EncodeToString(data))
}

// namesText formats data with names, preceded by 16-bit and followed by 32-bit
// numbers. It returns false for layouts with strings and for malformed data.
func namesText(msg []byte, r *Record, l layout) (string, bool) {
	var parts []string
	off, end := r.Data, r.Data+r.Len
	if l.strings > 0 || off+l.skip > end {
		return "", false
	}
	for ; off < r.Data+l.skip; off += 2 {
		parts = append(parts, fmt.Sprint(binary.BigEndian.Uint16(msg[off:])))
	}
	for range l.names {
		name, next, err := AppendName(nil, msg[:end], off)
		if err != nil {
			return "", false
		}
		parts, off = append(parts, Text(name)), next
	}
	for ; off+4 <= end; off += 4 {
		parts = append(parts, fmt.Sprint(binary.BigEndian.Uint32(msg[off:])))
	}
	return strings.Join(parts, " "), true
}

// stringsText formats character strings (RFC 1035 section 3.3) in quotes.
func stringsText(data []byte) string {
	var b []byte
	for len(data) > 0 {
		n := min(int(data[0]), len(data)-1)
		if len(b) > 0 {
			b = append(b, ' ')
		}
		b = append(b, '"')
		for _, c := range data[1 : 1+n] {
			if c == ' ' || c == '.' {
				b = append(b, c)
			} else {
				b = appendEscaped(b, c)
			}
		}
		b, data = append(b, '"'), data[1+n:]
	}
	return string(b)
}
