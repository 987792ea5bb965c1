package stun_test

import (
	"encoding/hex"
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/stun"
)

// The messages of RFC 5769, sections 2.1 to 2.3.
const (
	request = "000100582112a442b7e7a701bc34d686fa87dfae" + "802200105354554e207465737420636c69656e74" +
		"002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
	response4 = "0101003c2112a442b7e7a701bc34d686fa87dfae" + "8022000b7465737420766563746f7220" + "002000080001a147e112a643" +
		"000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
	response6 = "010100482112a442b7e7a701bc34d686fa87dfae" + "8022000b7465737420766563746f7220" +
		"002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9" + "00080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)

func unhex(tb testing.TB, text string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestMapped reads the answers of RFC 5769, whole and cut behind the address, and no others.
func TestMapped(t *testing.T) {
	t.Parallel()
	id, ok := stun.Request(unhex(t, request))
	if !ok {
		t.Fatal("Request does not read the request of RFC 5769")
	}
	for text, want := range map[string]string{response4: "192.0.2.1:32853", response6: "[2001:db8:1234:5678:11:2233:4455:6677]:32853"} {
		b := unhex(t, text)
		for _, n := range []int{len(b), 36 + 12 + 12} {
			if at, ok := stun.Mapped(b[:n], id); !ok || at != netip.MustParseAddrPort(want) {
				t.Errorf("Mapped = %v, %v; want %s", at, ok, want)
			}
		}
		for name, spoil := range map[string]func([]byte){
			"type":             func(b []byte) { b[0], b[1] = 1, 0x11 },
			"cookie":           func(b []byte) { b[4]++ },
			"transaction":      func(b []byte) { b[19]++ },
			"length":           func(b []byte) { b[3] = 16 },
			"attribute":        func(b []byte) { b[37] = 1 },
			"attribute length": func(b []byte) { b[39]++ },
			"family":           func(b []byte) { b[41] = 3 },
		} {
			spoiled := unhex(t, text)
			spoil(spoiled)
			if at, ok := stun.Mapped(spoiled, id); ok {
				t.Errorf("another %s: Mapped = %v; want none", name, at)
			}
		}
	}
}

// FuzzMapped reads any message, and its own answer.
func FuzzMapped(f *testing.F) {
	for _, text := range []string{request, response4, response6} {
		f.Add(unhex(f, text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if id, ok := stun.Request(b); ok && len(b) < 20 {
			t.Errorf("Request(%x) = %x", b, id)
		}
		if len(b) < 20 {
			b = append(b, make([]byte, 20-len(b))...)
		}
		at, ok := stun.Mapped(b, stun.ID(b[8:20]))
		if ok != at.IsValid() || ok && len(b) < 32 {
			t.Errorf("Mapped(%x) = %v, %v", b, at, ok)
		}
		if at, ok := stun.Mapped(b, stun.ID{b[8] + 1}); ok {
			t.Errorf("Mapped(%x) of another transaction = %v", b, at)
		}
	})
}
