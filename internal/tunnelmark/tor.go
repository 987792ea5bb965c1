package tunnelmark

import "strings"

// How long the random part of the name is that Tor's ClientHellos have
// (crypto_random_hostname(8, 20, "www.", ".com") in Tor's src/core/or/connection_or.c and
// src/lib/tls).
const (
	torNameMin = 8
	torNameMax = 20
)

// TorName reports whether a server name is of the form that Tor makes up for each
// connection: www., some letters and digits of base32, .com. Real names of this form
// exist.
func TorName(name string) bool {
	middle, isWWW := strings.CutPrefix(name, "www.")
	middle, isCom := strings.CutSuffix(middle, ".com")
	if !isWWW || !isCom || len(middle) < torNameMin || len(middle) > torNameMax {
		return false
	}
	for i := range len(middle) {
		if c := middle[i]; !('a' <= c && c <= 'z') && !('2' <= c && c <= '7') {
			return false
		}
	}
	return true
}

// torJA4 are fingerprints of Tor's ClientHello that were measured: Tor 0.4.9.11 with
// OpenSSL 3.0.
const torJA4 = "t13d181100_796efca44d18_d41ae481755e"

// TorJA4 reports whether a fingerprint is one of Tor's that are known. It changes with the
// versions of Tor and OpenSSL, so that false says nothing.
func TorJA4(ja4 string) bool { return ja4 == torJA4 }

const (
	torCell   = 514 // bytes, link protocol 4 and later (tor-spec, cell-packet-format)
	tlsRecord = 22  // what a record of TLS 1.3 has around its content, with one byte for the type
)

// TorCells reports whether a TCP payload of a length in bytes has the size of one TLS
// record with whole cells of Tor.
func TorCells(length int) bool { return length > tlsRecord && (length-tlsRecord)%torCell == 0 }
