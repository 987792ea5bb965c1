package servercert

// The tags that only extensions have (RFC 5280 sections 4.1 and 4.2.1.6).
const (
	oid        = 0x06
	boolean    = 0x01
	octets     = 0x04
	extensions = 0xa3
	dnsName    = 0x82
)

// subjectAltName is the identifier of the extension that has the names of a server, 2.5.29.17.
const subjectAltName = "\x55\x1d\x11"

// Covers reports whether the certificate in a payload is for a name. known is false if there is no
// certificate, if its names are not all in the payload, or if it has none.
func Covers(payload []byte, name string) (covers, known bool) {
	r := der(leaf(payload))
	r.enter(sequence)                   // Certificate
	r.enter(sequence)                   // TBSCertificate
	if len(r) > 0 && r[0] == explicit { // version
		r.take(explicit)
	}
	r.take(integer) // serialNumber
	for range 5 {   // signature, issuer, validity, subject, subjectPublicKeyInfo
		r.take(sequence)
	}
	r.enter(extensions)
	r.enter(sequence)
	for len(r) > 0 {
		if one := der(r.take(sequence)); string(one.take(oid)) == subjectAltName {
			return anyOf(one, name)
		}
	}
	return false, false
}

// anyOf reports whether one of the names in the rest of an extension is a name, and whether there is
// any.
func anyOf(extension der, name string) (covers, known bool) {
	if len(extension) > 0 && extension[0] == boolean { // critical
		extension.take(boolean)
	}
	value := der(extension.take(octets))
	names := der(value.take(sequence))
	for len(names) > 0 {
		tag := names[0]
		one := names.take(tag)
		if tag != dnsName || one == nil {
			continue
		}
		if known = true; matches(one, name) {
			return true, true
		}
	}
	return false, known
}

// matches reports whether a name is the one of a certificate, or has one label in the place of its
// asterisk (RFC 9525 section 6.3).
func matches(pattern []byte, name string) bool {
	if n := len(name); n > 0 && name[n-1] == '.' {
		name = name[:n-1]
	}
	if len(pattern) > 1 && pattern[0] == '*' && pattern[1] == '.' {
		at := 0
		for at < len(name) && name[at] != '.' {
			at++
		}
		pattern, name = pattern[1:], name[at:]
	}
	if len(pattern) != len(name) {
		return false
	}
	for i, c := range pattern {
		if lower(c) != lower(name[i]) {
			return false
		}
	}
	return true
}

// lower returns a letter in lower case.
func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
