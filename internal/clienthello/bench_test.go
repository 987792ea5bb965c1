package clienthello_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
)

func BenchmarkParse(b *testing.B) {
	chrome := hello(0x0303, greased(specCiphers), ofTypes(greased(specTypes), specSchemes, "h2", "http/1.1")...)
	largest := hello(0x0303, numbers(1, 4000), ofTypes(numbers(100, 2000), nil)...)
	for name, msg := range map[string][]byte{"Chrome": chrome, "Go": sentByTLS(b, configs()["1.3"])[5:], "16KiB": largest} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := clienthello.Parse(msg, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTCP(b *testing.B) {
	stream := sentByTLS(b, configs()["1.3"])
	for name, size := range map[string]int{"whole": 1 << 14, "halves": len(stream)/2 + 1, "bytes": 1} {
		parts := pieces(stream, size)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var s clienthello.TCP
				for _, p := range parts {
					s.Feed(p)
				}
				if s.Status() != clienthello.Done {
					b.Fatal(s.Err())
				}
			}
		})
	}
}

func BenchmarkQUICInitial(b *testing.B) {
	msg := sentByQUIC(b, configs()["post-quantum"])
	small := unhex(b, rfcCrypto)
	server := initial{protection: version1, role: "server in", dcid: dcid, frames: small, size: 1200}.packet(b)
	benchmarks := []struct {
		name      string
		datagrams [][]byte
		want      clienthello.Status
	}{
		{"one", [][]byte{initial{protection: version1, dcid: dcid, frames: small, size: 1200}.packet(b)}, clienthello.Done},
		{"two", [][]byte{
			initial{protection: version1, dcid: dcid, frames: crypto(msg, 0, 1000), size: 1200}.packet(b),
			initial{protection: version1, dcid: dcid, frames: crypto(msg, 1000, len(msg)), size: 1200}.packet(b),
		}, clienthello.Done},
		{"server", [][]byte{server}, clienthello.More},
	}
	for _, bb := range benchmarks {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var s clienthello.QUIC
				for _, d := range bb.datagrams {
					s.Feed(d)
				}
				if s.Status() != bb.want {
					b.Fatal(s.Status(), s.Err())
				}
			}
		})
	}
}

func BenchmarkIsTLSClient(b *testing.B) {
	for name, payload := range map[string][]byte{"client": sentByTLS(b, configs()["1.3"]), "data": {23, 3, 3, 4, 0, 1, 2}, "HTTP": []byte("GET / HTTP/1.1\r\n")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				clienthello.IsTLSClient(payload)
			}
		})
	}
}

func BenchmarkIsQUICInitial(b *testing.B) {
	payload := append([]byte{0xc3, 0, 0, 0, 1, 8}, make([]byte, 1200)...)
	b.ReportAllocs()
	for b.Loop() {
		clienthello.IsQUICInitial(payload)
	}
}
