package clienthello_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
)

// dcid is that of the examples of RFC 9001 appendix A.
var dcid = []byte{0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08}

// other is a connection ID that a server chose.
var other = []byte{1, 2, 3, 4, 5}

// feedQUIC gives the datagrams to a new QUIC.
func feedQUIC(datagrams ...[]byte) *clienthello.QUIC {
	s := new(clienthello.QUIC)
	for _, d := range datagrams {
		s.Feed(d)
	}
	return s
}

// join puts slices together.
func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// rfcCrypto is the CRYPTO frame of RFC 9001 appendix A.2.
const rfcCrypto = "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868" +
	"04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578" +
	"616d706c652e636f6dff01000100000a00080006001d00170018001000070005" +
	"04616c706e000500050100000000003300260024001d00209370b2c9caa47fba" +
	"baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400" +
	"0d0010000e0403050306030203080408050806002d00020101001c0002400100" +
	"3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000" +
	"75300901100f088394c8f03e51570806048000ffff"

// TestQUIC_rfc has the client's Initials of RFC 9001 appendix A.2 and RFC 9369
// appendix A.2. Of the 1200 bytes the beginning and the tag are compared; the tag
// vouches for the rest.
func TestQUIC_rfc(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		p          protection
		head, tail string
	}{
		{"RFC 9001", version1, "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11" +
			"d242b123dc9bd8bab936b47d92ec356c0bab7df5976d27cd449f63300099f399", "e221af44860018ab0856972e194cd934"},
		{"RFC 9369", version2, "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485" +
			"dd04de806071bf03dceebfa162e75d6c96058bdbfb127cdfcbf903388e99ad04", "a18b2faa745b6fe189cf772a9f84cbfc"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			packet := initialOfRFC(t, &tt.p)
			if len(packet) != 1200 || !bytes.HasPrefix(packet, unhex(t, tt.head)) || !bytes.HasSuffix(packet, unhex(t, tt.tail)) {
				t.Fatalf("packet = %x; want %s … %s", packet, tt.head, tt.tail)
			}
			if !clienthello.IsQUICInitial(packet) {
				t.Error("IsQUICInitial = false")
			}
			before := bytes.Clone(packet)
			wantHello(t, tt.name, feedQUIC(packet), clienthello.Hello{
				ServerName: "example.com", ALPN: []string{"alpn"}, Version: 0x0304, QUIC: tt.p.version,
				JA4: "q13d0211an_62ed6f6ca7ad_4d634acda6c0",
			})
			if !bytes.Equal(before, packet) {
				t.Error("Feed changed the datagram")
			}
		})
	}
}

// initialOfRFC returns the packet of the RFCs, whose header they give.
func initialOfRFC(t *testing.T, p *protection) []byte {
	t.Helper()
	header := join([]byte{p.first}, []byte{byte(p.version >> 24), byte(p.version >> 16), byte(p.version >> 8), byte(p.version)},
		vector8(dcid), unhex(t, "0000449e00000002"))
	return p.seal(t, "client in", dcid, header, join(unhex(t, rfcCrypto), make([]byte, 1162-245)))
}

// TestQUIC feeds what the standard library's clients send, in one to four
// datagrams, whose frames overlap and stand in any order.
func TestQUIC(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]protection{"1": version1, "2": version2, "29": version29} {
		msg := sentByQUIC(t, configs()["post-quantum"])
		want, err := clienthello.Parse(msg, p.version)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(200) {
				random := rand.New(rand.NewPCG(seed, 1))
				wantHello(t, "datagrams", feedQUIC(datagrams(t, p, msg, random)...), want)
			}
		})
	}
}

// datagrams spreads msg over CRYPTO frames and those over datagrams.
func datagrams(t *testing.T, p protection, msg []byte, random *rand.Rand) (all [][]byte) {
	t.Helper()
	var frames [][]byte
	for at := 0; at < len(msg); {
		to := min(len(msg), at+1+random.IntN(200))
		frames = append(frames, crypto(msg, max(0, at-random.IntN(20)), to))
		at = to
	}
	random.Shuffle(len(frames), func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
	parts := 1 + random.IntN(4)
	for i := range parts {
		own := frames[i*len(frames)/parts : (i+1)*len(frames)/parts]
		filler := [][]byte{{0, 0, 0}, {1}, {2, 5, 0, 1, 0, 2, 2}, {3, 5, 0, 0, 0, 1, 2, 3}, {0x1c, 0, 6, 2, 'h', 'i'}}
		packet := initial{
			protection: p, origin: dcid, dcid: dcid, scid: []byte{9}, number: uint32(i), omit: random.IntN(4), size: 1200,
			token: make([]byte, random.IntN(80)), frames: join(filler[random.IntN(5)], join(own...), filler[random.IntN(5)]),
		}
		if i > 0 && random.IntN(2) == 0 {
			packet.dcid = other
		}
		d := packet.packet(t)
		switch random.IntN(4) {
		case 0: // a 0-RTT packet first
			d = join(longHeader(p, 1), d)
		case 1: // a Handshake packet after it
			d = join(d, longHeader(p, 2))
		case 2:
			d = join(d, make([]byte, 50))
		}
		all = append(all, d)
	}
	return all
}

// longHeader returns a packet of 0-RTT (1) or Handshake (2) that cannot be decrypted.
func longHeader(p protection, typ byte) []byte {
	first := 0xc0 | typ<<4
	if p.version == version2.version {
		first = 0xc0 | (typ+1)<<4
	}
	return join([]byte{first, byte(p.version >> 24), byte(p.version >> 16), byte(p.version >> 8), byte(p.version)},
		vector8(dcid), vector8(nil), varint(40), make([]byte, 40))
}

// TestQUIC_retry has a client that starts again with other keys: after a Retry,
// and after a version negotiation.
func TestQUIC_retry(t *testing.T) {
	t.Parallel()
	msg := sentByQUIC(t, configs()["1.3"])
	want, err := clienthello.Parse(msg, 1)
	if err != nil {
		t.Fatal(err)
	}
	half := len(msg) / 2
	first := initial{protection: version1, dcid: dcid, frames: crypto(msg, 0, half), size: 1200}.packet(t)
	again := initial{protection: version1, dcid: other, token: []byte("token"), number: 1, frames: crypto(msg, 0, half), size: 1200}.packet(t)
	rest := initial{protection: version1, dcid: other, token: []byte("token"), number: 2, frames: crypto(msg, half, len(msg)), size: 1200}.packet(t)
	wantHello(t, "Retry", feedQUIC(first, again, rest), want)
	if s := feedQUIC(first, rest); s.Status() != clienthello.More {
		t.Errorf("halves under different keys: %v, %v", s.Status(), s.Err())
	}
	wantHello(t, "first half again", feedQUIC(first, rest, again), want)

	older := initial{protection: version29, dcid: dcid, frames: crypto(msg, 0, half), size: 1200}.packet(t)
	full := initial{protection: version1, dcid: dcid, frames: crypto(msg, 0, len(msg)), size: 1200}.packet(t)
	wantHello(t, "version negotiation", feedQUIC(older, full), want)
}

func TestQUIC_giveUp(t *testing.T) {
	t.Parallel()
	msg := hello(0x0303, suites, sni("example.com"))
	with := func(frames ...[]byte) [][]byte {
		return [][]byte{initial{protection: version1, dcid: dcid, frames: join(frames...), size: 1200}.packet(t)}
	}
	// repeat returns a datagram often enough that the stream gives up.
	repeat := func(d []byte, n int) (all [][]byte) {
		for range n {
			all = append(all, d)
		}
		return all
	}
	var apart [][]byte
	for i := 1; i <= 65; i++ {
		apart = append(apart, crypto(make([]byte, 200), 2*i, 2*i+1))
	}
	server := initial{protection: version1, role: "server in", dcid: dcid, frames: crypto(msg, 0, len(msg)), size: 1200}.packet(t)
	tests := []struct {
		name      string
		datagrams [][]byte
		want      error
	}{
		{"DNS", [][]byte{{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}}, clienthello.ErrNotQUIC},
		{"nothing", [][]byte{nil}, clienthello.ErrNotQUIC},
		{"unknown version", [][]byte{append([]byte{0xc3, 0x0a, 0x0a, 0x0a, 0x0a, 8}, make([]byte, 1200)...)}, clienthello.ErrNotQUIC},
		{"short header", [][]byte{append([]byte{0x40}, make([]byte, 1200)...)}, clienthello.ErrNotQUIC},
		{"0-RTT only", [][]byte{longHeader(version1, 1)}, clienthello.ErrNotQUIC},
		{"Retry", [][]byte{append([]byte{0xf0, 0, 0, 0, 1, 8}, make([]byte, 1200)...)}, clienthello.ErrNotQUIC},
		{"server", repeat(server, 9), clienthello.ErrNotClient},
		{"ServerHello", with(crypto(handshake(2, msg[4:]), 0, 10)), clienthello.ErrNotClient},
		{"type of message", with(crypto(msg, 2, 10), crypto([]byte{2, 0}, 0, 2)), clienthello.ErrNotClient},
		{"too large", with(crypto(handshake(1, make([]byte, clienthello.MaxMessage-3)), 0, 10)), clienthello.ErrTooLarge},
		{"offset too large", with([]byte{6, 0x80, 0, 0x40, 0, 1, 1}), clienthello.ErrTooLarge},
		{"largest offset", with([]byte{6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1}), clienthello.ErrTooLarge},
		{"last byte too many", with([]byte{6, 0x80, 0, 0x3f, 0xff, 2, 1, 1}), clienthello.ErrTooLarge},
		{"parts apart", with(apart...), clienthello.ErrTooLarge},
		{"other data", with(crypto(msg, 0, 50), crypto(hello(0x0301, suites, sni("example.com")), 3, 20)), clienthello.ErrMalformed},
		{"malformed message", with(crypto(handshake(1, []byte("abc")), 0, 7)), clienthello.ErrMalformed},
		{"STREAM frame", with(crypto(msg, 0, len(msg)), []byte{8, 1, 1}), clienthello.ErrMalformed},
		{"CRYPTO cut", with([]byte{6, 0, 0x7f, 0xff}), clienthello.ErrMalformed},
		{"ACK cut", with([]byte{2, 1, 1, 0xbf, 0xff, 0xff, 0xff, 1}), clienthello.ErrMalformed},
		{"too many datagrams", append(with(crypto(msg, 0, 50)), repeat([]byte{0x40}, 64)...), clienthello.ErrTooLarge},
		{"other keys each time", keysEachTime(t, msg), clienthello.ErrNotClient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s clienthello.QUIC
			for i, d := range tt.datagrams {
				if s.Status() != clienthello.More {
					t.Fatalf("gave up before datagram %d of %d: %v", i, len(tt.datagrams), s.Err())
				}
				s.Feed(d)
			}
			if s.Status() != clienthello.GaveUp || !errors.Is(s.Err(), tt.want) || s.Size() != 0 {
				t.Errorf("%v, %v, size %d; want %v", s.Status(), s.Err(), s.Size(), tt.want)
			}
			if s.Feed(with(crypto(msg, 0, len(msg)))[0]) != clienthello.GaveUp || s.Hello().JA4 != "" {
				t.Errorf("Feed after giving up = %v", s.Status())
			}
		})
	}
}

// keysEachTime returns Initials of ten connections, none of which completes.
func keysEachTime(t *testing.T, msg []byte) (all [][]byte) {
	t.Helper()
	for i := range byte(10) {
		all = append(all, initial{protection: version1, dcid: []byte{i}, frames: crypto(msg, 0, 50), size: 1200}.packet(t))
	}
	return all
}

// TestQUIC_truncated cuts a datagram after each byte, flips each bit, and checks
// that neither gives a Hello: the tag of the packet does not match.
func TestQUIC_truncated(t *testing.T) {
	t.Parallel()
	msg := hello(0x0303, suites, sni("example.com"))
	d := initial{protection: version1, dcid: dcid, frames: crypto(msg, 0, len(msg)), size: 300}.packet(t)
	for n := range d {
		if s := feedQUIC(d[:n]); s.Status() == clienthello.Done || s.Hello().JA4 != "" {
			t.Errorf("%d bytes: %v", n, s.Status())
		}
	}
	for i := range len(d) * 8 {
		flipped := bytes.Clone(d)
		flipped[i/8] ^= 1 << (i % 8)
		if s := feedQUIC(flipped); s.Status() == clienthello.Done || s.Hello().JA4 != "" {
			t.Errorf("bit %d: %v", i, s.Status())
		}
	}
}

// TestQUIC_prefix checks that there is no Hello before all of it was there.
func TestQUIC_prefix(t *testing.T) {
	t.Parallel()
	msg := hello(0x0303, suites, sni("example.com"))
	want, err := clienthello.Parse(msg, 1)
	if err != nil {
		t.Fatal(err)
	}
	for n := range msg {
		s := feedQUIC(initial{protection: version1, dcid: dcid, frames: crypto(msg, 0, n)}.packet(t))
		if s.Status() != clienthello.More {
			t.Fatalf("%d bytes: %v, %v", n, s.Status(), s.Err())
		}
		s.Feed(initial{protection: version1, origin: dcid, number: 1, frames: crypto(msg, n, len(msg))}.packet(t))
		wantHello(t, "rest", s, want)
	}
}

// TestQUIC_bounded feeds what never completes.
func TestQUIC_bounded(t *testing.T) {
	t.Parallel()
	var s clienthello.QUIC
	msg := handshake(1, make([]byte, clienthello.MaxMessage-4))
	for n := range 64 {
		from, to := n*250, n*250+250
		frames := crypto(msg, max(from, 1), to)
		if n%2 == 1 {
			frames = crypto(msg, len(msg)-to, len(msg)-from)
		}
		if s.Feed(initial{protection: version1, dcid: dcid, number: uint32(n), frames: frames}.packet(t)) != clienthello.More {
			t.Fatalf("datagram %d: %v, %v", n, s.Status(), s.Err())
		}
		if s.Size() > clienthello.MaxMessage {
			t.Fatalf("Size = %d; want at most %d", s.Size(), clienthello.MaxMessage)
		}
	}
	if s.Feed(nil) != clienthello.GaveUp || s.Size() != 0 {
		t.Errorf("%v, size %d", s.Status(), s.Size())
	}
}

// TestQUIC_work checks that a datagram full of Initials costs no more than a few.
func TestQUIC_work(t *testing.T) { // not parallel: it counts allocations
	one := initial{protection: version1, role: "server in", dcid: dcid, frames: []byte{1}}.packet(t)
	var s clienthello.QUIC
	n := testing.AllocsPerRun(1, func() {
		s = clienthello.QUIC{}
		s.Feed(bytes.Repeat(one, 65000/len(one)))
	})
	if s.Status() != clienthello.More || n > 500 {
		t.Errorf("%v after %v allocations", s.Status(), n)
	}
}

func TestIsQUICInitial(t *testing.T) { // not parallel: it counts allocations
	datagram := func(head ...byte) []byte { return append(head, make([]byte, 1200-len(head))...) }
	tests := []struct {
		name    string
		payload []byte
		want    bool
	}{
		{"nothing", nil, false},
		{"version 1", datagram(0xc3, 0, 0, 0, 1, 8), true},
		{"version 2", datagram(0xd3, 0x6b, 0x33, 0x43, 0xcf, 8), true},
		{"draft 29", datagram(0xcf, 0xff, 0, 0, 0x1d, 20), true},
		{"connection ID too long", datagram(0xc3, 0, 0, 0, 1, 21), false},
		{"a byte short", datagram(0xc3, 0, 0, 0, 1, 8)[:1199], false},
		{"no fixed bit", datagram(0x83, 0, 0, 0, 1, 8), false},
		{"short header", datagram(0x43, 0, 0, 0, 1, 8), false},
		{"version negotiation", datagram(0xc3, 0, 0, 0, 0, 8), false},
		{"unknown version", datagram(0xc3, 0, 0, 0, 2, 8), false},
		{"0-RTT", datagram(0xd3, 0, 0, 0, 1, 8), false},
		{"Retry of version 2", datagram(0xc3, 0x6b, 0x33, 0x43, 0xcf, 8), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := clienthello.IsQUICInitial(tt.payload); got != tt.want {
				t.Errorf("IsQUICInitial = %v; want %v", got, tt.want)
			}
			if n := testing.AllocsPerRun(100, func() { clienthello.IsQUICInitial(tt.payload) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// checkHello checks what is true of every Hello.
func checkHello(tb testing.TB, h clienthello.Hello) {
	tb.Helper()
	for _, s := range append([]string{h.ServerName, h.JA4}, h.ALPN...) {
		for _, c := range []byte(s) {
			if c < ' ' || c > '~' {
				tb.Fatalf("%q has the byte %#x", s, c)
			}
		}
	}
	if len(h.ServerName) > 255 || len(h.ALPN) > 8 || len(h.JA4) != 36 {
		tb.Fatalf("%d bytes of name, %d protocols, JA4 %s", len(h.ServerName), len(h.ALPN), h.JA4)
	}
	if diff := cmp.Diff(h, h); diff != "" {
		tb.Fatal(diff)
	}
}
