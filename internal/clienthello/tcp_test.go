package clienthello_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
)

// feed gives the parts to a new TCP, one after the other.
func feed(parts ...[]byte) *clienthello.TCP {
	s := new(clienthello.TCP)
	for _, p := range parts {
		s.Feed(p)
	}
	return s
}

// pieces cuts b into parts of n bytes.
func pieces(b []byte, n int) (parts [][]byte) {
	for len(b) > 0 {
		size := min(n, len(b))
		parts = append(parts, b[:size])
		b = b[size:]
	}
	return parts
}

// wantHello checks that s is done, has read want, and has let its buffers go.
func wantHello(t *testing.T, what string, s interface {
	Status() clienthello.Status
	Hello() clienthello.Hello
	Err() error
	Size() int
}, want clienthello.Hello,
) {
	t.Helper()
	if s.Status() != clienthello.Done || s.Err() != nil || s.Size() != 0 {
		t.Fatalf("%s: %v, %v, size %d", what, s.Status(), s.Err(), s.Size())
	}
	if diff := cmp.Diff(want, s.Hello()); diff != "" {
		t.Fatalf("%s: mismatch (-want +got):\n%s", what, diff)
	}
}

// TestTCP feeds each client's stream in all cuts into two, in parts of each size,
// and in records of many sizes.
func TestTCP(t *testing.T) {
	t.Parallel()
	for name, config := range configs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stream := sentByTLS(t, config)
			want, err := clienthello.Parse(stream[5:], 0)
			if err != nil {
				t.Fatal(err)
			}
			for i := range stream {
				wantHello(t, "cut", feed(stream[:i], stream[i:]), want)
				wantHello(t, "pieces", feed(pieces(stream, i+1)...), want)
			}
			for _, size := range []int{1, 2, 3, 4, 5, 37, 100, len(stream) - 6} {
				split := records(stream[5:], size)
				for n := 1; n <= 12; n++ {
					wantHello(t, "records", feed(pieces(split, n)...), want)
				}
			}
			more := append(stream[:len(stream):len(stream)], "and more"...)
			wantHello(t, "early data", feed(more, more), want)
		})
	}
}

// TestTCP_prefix checks that there is no Hello, and no giving up, before the end.
func TestTCP_prefix(t *testing.T) {
	t.Parallel()
	stream := sentByTLS(t, configs()["1.3"])
	for n := range stream {
		if s := feed(stream[:n]); s.Status() != clienthello.More || s.Err() != nil || s.Hello().JA4 != "" {
			t.Errorf("after %d bytes: %v, %v", n, s.Status(), s.Err())
		}
		for _, size := range []int{1, 2, 1 << 14} {
			if split := records(stream[5:], size); n > 0 && !clienthello.IsTLSClient(split[:n]) {
				t.Errorf("IsTLSClient of %d bytes = false", n)
			}
		}
	}
}

func TestTCP_giveUp(t *testing.T) {
	t.Parallel()
	msg := hello(0x0303, suites, sni("example.com"))
	bad := bytes.Clone(msg)
	bad[4+2+32+33+1] = 5 // length of the cipher suites
	half := records(msg[:20], 20)
	tests := []struct {
		name   string
		stream []byte
		want   error
	}{
		{"HTTP", []byte("GET / HTTP/1.1\r\n\r\n"), clienthello.ErrNotTLS},
		{"SSL 2", []byte{0x80, 0x2e, 1, 3, 1, 0, 0x15}, clienthello.ErrNotTLS},
		{"version 3.5", []byte{22, 3, 5, 0, 10}, clienthello.ErrNotTLS},
		{"version 2", []byte{22, 2}, clienthello.ErrNotTLS},
		{"empty record", []byte{22, 3, 1, 0, 0}, clienthello.ErrNotTLS},
		{"record too long", []byte{22, 3, 1, 0x40, 1}, clienthello.ErrNotTLS},
		{"longest record is too long", []byte{22, 3, 1, 0xff, 0xff}, clienthello.ErrNotTLS},
		{"alert", []byte{21, 3, 1, 0, 2, 2, 40}, clienthello.ErrNotTLS},
		{"server", records(handshake(2, make([]byte, 70)), 100), clienthello.ErrNotClient},
		{"too large", records(handshake(1, make([]byte, clienthello.MaxMessage-3)), 1<<14), clienthello.ErrTooLarge},
		{"largest length", []byte{22, 3, 1, 0, 4, 1, 255, 255, 255}, clienthello.ErrTooLarge},
		{"malformed", records(bad, 1000), clienthello.ErrMalformed},
		{"alert inside", append(half[:len(half):len(half)], 21, 3, 1, 0, 2, 2, 40), clienthello.ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for n := 1; n <= len(tt.stream); n++ {
				s := feed(pieces(tt.stream, n)...)
				if s.Status() != clienthello.GaveUp || !errors.Is(s.Err(), tt.want) || s.Size() != 0 {
					t.Fatalf("in parts of %d: %v, %v, size %d; want %v", n, s.Status(), s.Err(), s.Size(), tt.want)
				}
				if s.Feed(records(msg, 1000)) != clienthello.GaveUp || s.Hello().JA4 != "" {
					t.Fatalf("Feed after giving up = %v", s.Status())
				}
				if len(tt.stream) > 1000 {
					break
				}
			}
		})
	}
}

// TestTCP_copy checks that the first segment may come twice, if it is long enough
// to be distinguished from data.
func TestTCP_copy(t *testing.T) {
	t.Parallel()
	stream := sentByTLS(t, configs()["1.3"])
	want, err := clienthello.Parse(stream[5:], 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := 43; i < len(stream); i++ {
		wantHello(t, "copy", feed(stream[:i], stream[:i], nil, stream[:i], stream[i:]), want)
	}
	zeros := hello(0x0303, suites, extension{21, make([]byte, 600)})
	if want, err = clienthello.Parse(zeros, 0); err != nil {
		t.Fatal(err)
	}
	wantHello(t, "repeated data", feed(pieces(records(zeros, 1000), 50)...), want)
}

// TestTCP_bounded feeds streams that never complete.
func TestTCP_bounded(t *testing.T) {
	t.Parallel()
	msg := handshake(1, make([]byte, clienthello.MaxMessage-4))
	for _, size := range []int{1, 37, 1000, 10000} {
		var s clienthello.TCP
		for _, p := range pieces(records(msg[:len(msg)-1], size), size+6) {
			if s.Feed(p) != clienthello.More {
				t.Fatalf("Feed = %v, %v", s.Status(), s.Err())
			}
			if s.Size() > clienthello.MaxMessage {
				t.Fatalf("Size = %d; want at most %d", s.Size(), clienthello.MaxMessage)
			}
		}
		if s.Size() < clienthello.MaxMessage-1 {
			t.Errorf("Size = %d after %d bytes", s.Size(), len(msg)-1)
		}
		if s.Feed(records([]byte("the end"), 100)) == clienthello.More || s.Size() != 0 {
			t.Errorf("%v, size %d", s.Status(), s.Size())
		}
	}
}

// TestTCP_flipped flips each bit. What is read is what Parse reads, or nothing.
func TestTCP_flipped(t *testing.T) {
	t.Parallel()
	stream := sentByTLS(t, configs()["1.3"])
	for i := range len(stream) * 8 {
		flipped := bytes.Clone(stream)
		flipped[i/8] ^= 1 << (i % 8)
		s := feed(pieces(flipped, 100)...)
		h, err := clienthello.Parse(flipped[5:], 0)
		if s.Status() == clienthello.Done && i/8 >= 5 && (err != nil || !cmp.Equal(h, s.Hello())) {
			t.Errorf("bit %d: %+v; Parse = %+v, %v", i, s.Hello(), h, err)
		}
		if err == nil {
			checkHello(t, h)
		}
	}
}

func TestIsTLSClient(t *testing.T) { // not parallel: it counts allocations
	tests := []struct {
		name    string
		payload []byte
		want    bool
	}{
		{"nothing", nil, false},
		{"one byte", []byte{22}, true},
		{"one other byte", []byte{23}, false},
		{"TLS 1.0", []byte{22, 3, 1, 2, 0, 1, 0, 1, 0xfc}, true},
		{"SSL 3.0", []byte{22, 3, 0, 2, 0, 1, 0}, true},
		{"TLS 1.3", []byte{22, 3, 4, 2, 0, 1, 0}, true},
		{"version 3.5", []byte{22, 3, 5, 2, 0, 1, 0}, false},
		{"version 2.1", []byte{22, 2, 1, 2, 0, 1, 0}, false},
		{"alert", []byte{21, 3, 1, 0, 2, 1, 0}, false},
		{"ServerHello", []byte{22, 3, 1, 2, 0, 2, 0}, false},
		{"empty record", []byte{22, 3, 1, 0, 0}, false},
		{"largest record", []byte{22, 3, 1, 0x40, 0}, true},
		{"record too large", []byte{22, 3, 1, 0x40, 1}, false},
		{"record too large, cut", []byte{22, 3, 1, 0x41}, false},
		{"message of 64 KiB", []byte{22, 3, 1, 2, 0, 1, 1}, false},
		{"record of one byte", []byte{22, 3, 1, 0, 1, 1, 22}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := clienthello.IsTLSClient(tt.payload); got != tt.want {
				t.Errorf("IsTLSClient = %v; want %v", got, tt.want)
			}
			if n := testing.AllocsPerRun(100, func() { clienthello.IsTLSClient(tt.payload) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func TestStatus_String(t *testing.T) {
	t.Parallel()
	for s, want := range map[clienthello.Status]string{
		clienthello.More: "more", clienthello.Done: "done", clienthello.GaveUp: "gave up", 9: "unknown",
	} {
		if got := s.String(); got != want {
			t.Errorf("String = %q; want %q", got, want)
		}
	}
}
