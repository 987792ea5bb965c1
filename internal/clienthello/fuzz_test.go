package clienthello_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
)

// seeds are messages of all kinds.
func seeds(tb testing.TB) (all [][]byte) {
	tb.Helper()
	for _, config := range configs() {
		all = append(all, sentByTLS(tb, config)[5:])
		if config.MaxVersion == 0 {
			all = append(all, sentByQUIC(tb, config))
		}
	}
	return append(all, hello(0x0303, suites), hello(0x0303, greased(specCiphers), ofTypes(greased(specTypes), specSchemes, "\xab", "")...))
}

// FuzzParse compares with crypto/tls what it accepts.
func FuzzParse(f *testing.F) {
	for _, msg := range seeds(f) {
		f.Add(msg)
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		before := bytes.Clone(msg)
		h, err := clienthello.Parse(msg, 0)
		if !bytes.Equal(before, msg) {
			t.Fatal("Parse changed the message")
		}
		if err == nil {
			checkHello(t, h)
		}
		if len(msg) < 4 || len(msg) > clienthello.MaxMessage || len(msg) != 4+int(msg[1])<<16+int(msg[2])<<8+int(msg[3]) {
			return
		}
		info := theirs(msg)
		if info == nil {
			return
		}
		if err != nil {
			t.Fatalf("Parse = %v; crypto/tls accepts it", err)
		}
		// They keep names that we refuse, and write protocols as they are.
		differ := cmpopts.IgnoreFields(clienthello.Hello{}, "ServerName", "ALPN", "Version")
		if diff := cmp.Diff(helloOf(info, 0), h, differ); diff != "" && h.Version == helloOf(info, 0).Version {
			t.Fatalf("mismatch (-crypto/tls +got):\n%s", diff)
		}
	})
}

// FuzzTCP checks that the cut of a stream into segments and records changes nothing.
func FuzzTCP(f *testing.F) {
	for _, msg := range seeds(f) {
		f.Add(records(msg, 1<<14), uint16(1400))
		f.Add(records(msg, 40), uint16(3))
	}
	f.Fuzz(func(t *testing.T, stream []byte, size uint16) {
		whole := feed(stream)
		parts := new(clienthello.TCP)
		for _, p := range pieces(stream, int(size)+1) {
			parts.Feed(p)
			if parts.Size() > clienthello.MaxMessage {
				t.Fatalf("Size = %d", parts.Size())
			}
		}
		if whole.Status() == clienthello.Done {
			checkHello(t, whole.Hello())
		}
		if len(stream) > 0 && !clienthello.IsTLSClient(stream) && whole.Status() != clienthello.GaveUp {
			t.Fatalf("%v of what is no client", whole.Status())
		}
		// A segment that looks like a copy of the first is not data, which is why
		// parts may differ from the whole.
		if bytes.Count(stream, []byte{22, 3}) > 1 {
			return
		}
		if whole.Status() != parts.Status() || !cmp.Equal(whole.Hello(), parts.Hello()) {
			t.Fatalf("%v, %v; in parts %v, %v", whole.Status(), whole.Err(), parts.Status(), parts.Err())
		}
	})
}

// FuzzQUIC feeds datagrams as they are, and frames in a well-formed Initial. The
// seeds are short, as the time that the fuzzer takes to make inputs smaller is
// quadratic in their length.
func FuzzQUIC(f *testing.F) {
	for _, p := range []protection{version1, version2, version29} {
		d := initial{protection: p, dcid: dcid, frames: unhex(f, rfcCrypto)}.packet(f)
		f.Add(d, d, []byte{3, 5, 0, 0, 0, 1, 2, 3})
	}
	msg := hello(0x0303, suites, sni("a"), alpn("h3"))
	half := len(msg) / 2
	frames := join(crypto(msg, half, len(msg)), []byte{1, 0, 2, 5, 0, 0, 0}, crypto(msg, 0, half+3))
	first := initial{protection: version1, dcid: dcid, frames: crypto(msg, 0, half)}.packet(f)
	second := initial{protection: version1, origin: dcid, dcid: other, frames: crypto(msg, half, len(msg))}.packet(f)
	f.Add(first, second, frames)
	f.Add(longHeader(version2, 1), first, []byte{0x1c, 0, 6, 2, 'h', 'i'})
	f.Fuzz(func(t *testing.T, first, second, frames []byte) {
		inner := initial{protection: version1, dcid: dcid, frames: frames[:min(len(frames), 8000)]}.packet(t)
		for _, datagrams := range [][][]byte{{first, second, first}, {inner, first}, {join(inner, second), inner}} {
			before := bytes.Clone(datagrams[0])
			s := new(clienthello.QUIC)
			for _, d := range datagrams {
				s.Feed(d)
				if s.Size() > clienthello.MaxMessage {
					t.Fatalf("Size = %d", s.Size())
				}
			}
			if !bytes.Equal(before, datagrams[0]) {
				t.Fatal("Feed changed the datagram")
			}
			if s.Status() == clienthello.Done {
				checkHello(t, s.Hello())
			}
			if (s.Err() != nil) != (s.Status() == clienthello.GaveUp) {
				t.Fatalf("%v, %v", s.Status(), s.Err())
			}
		}
	})
}
