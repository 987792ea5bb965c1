package clienthello

import "encoding/binary"

// extALPN is application_layer_protocol_negotiation (RFC 7301).
const extALPN = 16

// The bounds of what a Hello lists; browsers offer 2 protocols and 1 name.
const (
	maxProtocols = 8   // of ALPN
	maxALPN      = 256 // characters of all protocols together
	maxChecked   = 64  // protocols or names that are looked at
)

// cutMark ends a protocol of which only the beginning is listed.
const cutMark = "..."

// isGREASE reports whether v is one of the reserved values that clients send to
// keep servers tolerant (RFC 8701 section 2): 0x0a0a, 0x1a1a … 0xfafa.
func isGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// serverName returns the first host_name of the server_name extension (RFC 6066
// section 3), or "" if there is no valid one.
func (m *message) serverName() string {
	r := reader{b: m.sni}
	list := reader{b: r.vector16()}
	if r.short || len(r.b) > 0 {
		return ""
	}
	for n := 0; len(list.b) > 0 && n < maxChecked; n++ {
		typ, name := list.uint8(), list.vector16()
		if list.short {
			return ""
		}
		if typ == 0 {
			return hostName(name)
		}
	}
	return ""
}

// hostName returns name in lower case, or "" if it has characters that no host
// name has. It does not check the form of labels: names with an underscore and
// addresses occur in practice.
func hostName(name []byte) string {
	var buf [255]byte
	if len(name) > len(buf) {
		return ""
	}
	for i, c := range name {
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case isAlphanumeric(c), c == '-', c == '.', c == '_':
		default:
			return ""
		}
		buf[i] = c
	}
	return string(buf[:len(name)])
}

// isAlphanumeric reports whether c is an ASCII letter or digit.
func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// protocols returns the list of the ALPN extension (RFC 7301 section 3.1) without
// its length, nil if there is none or it is malformed within its first entries.
func (m *message) protocols() []byte {
	r := reader{b: m.alpn}
	list := r.vector16()
	if r.short || len(r.b) > 0 {
		return nil
	}
	p := reader{b: list}
	for n := 0; len(p.b) > 0 && n < maxChecked; n++ {
		if p.vector8(); p.short {
			return nil
		}
	}
	return list
}

// names returns the first protocols of a well-formed list in printable form.
func names(list []byte) []string {
	var all []string
	left := maxALPN
	for r := (reader{b: list}); len(r.b) > 0 && len(all) < maxProtocols && left >= len(cutMark); {
		if all == nil {
			all = make([]string, 0, 2) // h2 and http/1.1
		}
		p, whole := printable(r.vector8(), left)
		all = append(all, p)
		if !whole {
			break
		}
		left -= len(p)
	}
	return all
}

// printable returns b with \xNN in place of each backslash and of each byte that is
// not printable ASCII. If that has more than limit characters, it is cut, ends in
// cutMark, and whole is false.
func printable(b []byte, limit int) (text string, whole bool) {
	const digits = "0123456789abcdef"
	var buf [maxALPN]byte
	out := buf[:0]
	fits := 0 // length of the part that leaves room for cutMark
	for _, c := range b {
		if c < ' ' || c > '~' || c == '\\' {
			if len(out)+4 > limit {
				return string(append(out[:fits], cutMark...)), false
			}
			out = append(out, '\\', 'x', digits[c>>4], digits[c&15])
		} else {
			if len(out) == limit {
				return string(append(out[:fits], cutMark...)), false
			}
			out = append(out, c)
		}
		if len(out) <= limit-len(cutMark) {
			fits = len(out)
		}
	}
	return string(out), true
}

// highest returns the highest version on offer: that of supported_versions (RFC
// 8446 section 4.2.1) without GREASE, or legacy_version if that extension is
// missing, malformed or empty.
func (m *message) highest() uint16 {
	r := reader{b: m.versions}
	list := r.vector8()
	if r.short || len(r.b) > 0 || len(list)%2 != 0 {
		return m.version
	}
	var highest uint16
	for ; len(list) > 0; list = list[2:] {
		if v := binary.BigEndian.Uint16(list); v > highest && !isGREASE(v) {
			highest = v
		}
	}
	if highest == 0 {
		return m.version
	}
	return highest
}

// algorithms returns the list of signature_algorithms (RFC 8446 section 4.2.3)
// without its length, an even number of bytes; nil if it is missing or malformed.
func (m *message) algorithms() []byte {
	r := reader{b: m.signatures}
	list := r.vector16()
	if r.short || len(r.b) > 0 || len(list)%2 != 0 {
		return nil
	}
	return list
}
