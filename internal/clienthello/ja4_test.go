package clienthello_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
)

// grease reports whether a value is one of RFC 8701 section 2.
func grease(v uint16) bool {
	return slices.Contains([]uint16{0x0a0a, 0x1a1a, 0x2a2a, 0x3a3a, 0x4a4a, 0x5a5a, 0x6a6a, 0x7a7a,
		0x8a8a, 0x9a9a, 0xaaaa, 0xbaba, 0xcaca, 0xdada, 0xeaea, 0xfafa}, v)
}

// plainJA4 is JA4 in the words of its specification, from what another parser
// read.
func plainJA4(info *tls.ClientHelloInfo, quic bool) string {
	var ciphers, types, algorithms []string
	count, sni, highest := 0, "i", uint16(0)
	for _, v := range info.CipherSuites {
		if !grease(v) {
			ciphers = append(ciphers, fmt.Sprintf("%04x", v))
		}
	}
	for _, v := range info.Extensions {
		if v == 0 {
			sni = "d"
		}
		if !grease(v) {
			count++
		}
		if !grease(v) && v != 0 && v != 0x10 {
			types = append(types, fmt.Sprintf("%04x", v))
		}
	}
	for _, v := range info.SignatureSchemes {
		if !grease(uint16(v)) {
			algorithms = append(algorithms, fmt.Sprintf("%04x", uint16(v)))
		}
	}
	for _, v := range info.SupportedVersions {
		if !grease(v) {
			highest = max(highest, v)
		}
	}
	version := map[uint16]string{0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}[highest]
	if version == "" {
		version = "00"
	}
	slices.Sort(ciphers)
	slices.Sort(types)
	c := strings.Join(types, ",")
	if len(algorithms) > 0 {
		c += "_" + strings.Join(algorithms, ",")
	}
	return fmt.Sprintf("%s%s%s%02d%02d%s_%s_%s", map[bool]string{true: "q", false: "t"}[quic], version, sni, min(len(ciphers), 99),
		min(count, 99), plainALPN(info.SupportedProtos), hash12(strings.Join(ciphers, ",")), hash12(c))
}

func plainALPN(protocols []string) string {
	const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	if len(protocols) == 0 || protocols[0] == "" {
		return "00"
	}
	p := protocols[0]
	if first, last := p[:1], p[len(p)-1:]; strings.Contains(alphanumeric, first) && strings.Contains(alphanumeric, last) {
		return first + last
	}
	h := hex.EncodeToString([]byte(p))
	return h[:1] + h[len(h)-1:]
}

func hash12(s string) string {
	if s == "" {
		return "000000000000"
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(s)))[:12]
}

// The example of technical_details/JA4.md.
var (
	specCiphers = []uint16{0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035}
	specTypes   = []uint16{0x001b, 0, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015}
	specSchemes = []uint16{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601}
)

// ofTypes returns extensions of the types, with bodies where JA4 reads them.
func ofTypes(types, schemes []uint16, protocols ...string) (all []extension) {
	for _, typ := range types {
		switch typ {
		case 0:
			all = append(all, sni("example.com"))
		case 13:
			all = append(all, signatures(schemes...))
		case 16:
			all = append(all, alpn(protocols...))
		case 43:
			all = append(all, versions(0x0304, 0x0303))
		default:
			all = append(all, empty(typ))
		}
	}
	return all
}

// greased returns v with GREASE at both ends.
func greased(v []uint16) []uint16 { return append(append([]uint16{0x0a0a}, v...), 0xfafa) }

// numbers returns n values from first on.
func numbers(first, n int) (v []uint16) {
	for i := range n {
		v = append(v, uint16(first+i))
	}
	return v
}

// TestParse_ja4 has the examples of FoxIO's technical_details/JA4.md, and that of
// their capture sigalg-grease.pcapng, rebuilt from the raw fingerprint.
func TestParse_ja4(t *testing.T) {
	t.Parallel()
	const spec = "t13d1516h2_8daaf6152771_e5627efa2ab1"
	sigalg := []uint16{0xfe0d, 0x0010, 0x0017, 0x0033, 0x44cd, 0xff01, 0x000a, 0x000d, 0x0023, 0x002b, 0x000b, 0xca34, 0x002d, 0, 0x0005, 0x001b, 0x0012}
	tests := []struct {
		name string
		msg  []byte
		quic uint32
		want string
	}{
		{"example", hello(0x0303, specCiphers, ofTypes(specTypes, specSchemes, "h2")...), 0, spec},
		{"example with GREASE", hello(0x0303, greased(specCiphers), ofTypes(greased(specTypes), greased(specSchemes), "h2")...), 0, spec},
		{"example in QUIC", hello(0x0303, specCiphers, ofTypes(specTypes, specSchemes, "h2")...), 1, "q" + spec[1:]},
		{"no signature algorithms", hello(0x0303, specCiphers, ofTypes(specTypes, nil, "h2")...), 0, "t13d1516h2_8daaf6152771_6d807ffa2a79"},
		{"sigalg-grease.pcapng", hello(0x0303, greased(specCiphers), ofTypes(greased(sigalg),
			append([]uint16{0x0a0a, 0x0904, 0x0905, 0x0906}, specSchemes...), "h2")...), 0, "t13d1517h2_8daaf6152771_cb7bf5808d99"},
		{"nothing", hello(0x0300, nil), 0, "ts3i000000_000000000000_000000000000"},
		{"SNI and ALPN only", hello(0x0301, specCiphers, sni("a"), alpn("h2")), 0, "t10d1502h2_8daaf6152771_000000000000"},
		{"invalid SNI", hello(0x0302, nil, sni("\xff")), 0, "t11d000100_000000000000_000000000000"},
		{"SSL 2", hello(0x0002, nil), 0, "ts2i000000_000000000000_000000000000"},
		{"no version", hello(0x7f1c, nil), 0, "t00i000000_000000000000_000000000000"},
		{"nearly GREASE", hello(0x0303, []uint16{0x1a2a, 0x0a1a}, ofTypes([]uint16{0x2a1a, 0xfaea}, nil)...), 0,
			"t12i020200_" + hash12("0a1a,1a2a") + "_" + hash12("2a1a,faea")},
		{"99 of each", hello(0x0303, numbers(1, 99), ofTypes(numbers(100, 99), nil)...), 0,
			"t12i999900_" + plainHash(1, 99) + "_" + plainHash(100, 99)},
		{"100 of each", hello(0x0303, numbers(1, 100), ofTypes(numbers(100, 100), nil)...), 0,
			"t12i999900_" + plainHash(1, 100) + "_" + plainHash(100, 100)},
		{"as many as are hashed", hello(0x0303, numbers(1, 512), ofTypes(numbers(100, 128), nil)...), 0,
			"t12i999900_" + plainHash(1, 512) + "_" + plainHash(100, 128)},
		{"more cipher suites", hello(0x0303, numbers(1, 513), ofTypes(numbers(100, 128), nil)...), 0, ""},
		{"more extensions", hello(0x0303, numbers(1, 512), ofTypes(numbers(100, 129), nil)...), 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := clienthello.Parse(tt.msg, tt.quic)
			if err != nil || got.JA4 != tt.want {
				t.Errorf("JA4 = %s, %v; want %s", got.JA4, err, tt.want)
			}
		})
	}
}

func plainHash(first, n int) string {
	var list []string
	for _, v := range numbers(first, n) {
		list = append(list, fmt.Sprintf("%04x", v))
	}
	return hash12(strings.Join(list, ","))
}

// TestParse_ja4ALPN has the examples of the section "ALPN Extension Value".
func TestParse_ja4ALPN(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		ext  extension
		want string
	}{
		{"h2", alpn("h2", "http/1.1"), "h2"},
		{"http/1.1", alpn("http/1.1", "h2"), "h1"},
		{"no values", alpn(), "00"},
		{"empty body", empty(16), "00"},
		{"empty value", alpn("", "h2"), "00"},
		{"one character", alpn("h"), "hh"},
		{"AB", alpn("\xab"), "ab"},
		{"AB CD", alpn("\xab\xcd"), "ad"},
		{"30 AB", alpn("\x30\xab"), "3b"},
		{"30 31 AB CD", alpn("\x30\x31\xab\xcd"), "3d"},
		{"30 AB CD 31", alpn("\x30\xab\xcd\x31"), "01"},
		{"case is kept", alpn("Ab-Z"), "AZ"},
		{"around digits", alpn("/x"), "28"},
		{"around letters", alpn("x{"), "7b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := clienthello.Parse(hello(0x0303, specCiphers, tt.ext), 0)
			if want := "t12i1501" + tt.want + "_8daaf6152771_000000000000"; err != nil || got.JA4 != want {
				t.Errorf("JA4 = %s, %v; want %s", got.JA4, err, want)
			}
		})
	}
}
