package packet_test

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Frames with an ARP message: a request, a reply behind an 802.1Q tag.
const (
	arpRequest = "ffffffffffff 02fc00000001 0806 0001 0800 06 04 0001 02fc00000001 0a890006 000000000000 0a890007"
	arpReply   = "02fc00000001 02fc00000002 8100 0065 0806 0001 0800 06 04 0002 02fc00000002 0a890007 02fc00000001 0a890006"
)

// bytesOf returns the bytes of hexadecimal digits with spaces in between.
func bytesOf(t testing.TB, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReadARP(t *testing.T) {
	six, seven := netip.MustParseAddr("10.137.0.6"), netip.MustParseAddr("10.137.0.7")
	for digits, want := range map[string]packet.ARP{arpRequest: {Sender: six, Target: seven}, arpReply: {Sender: seven, Target: six, Reply: true}} {
		frame := bytesOf(t, digits)
		if got, ok := packet.ReadARP(packet.LinkEthernet, frame); !ok || got != want {
			t.Errorf("%+v, %v; want %+v", got, ok, want)
		}
		for n := range frame {
			if got, ok := packet.ReadARP(packet.LinkEthernet, frame[:n]); ok {
				t.Fatalf("%+v of %d bytes of %d", got, n, len(frame))
			}
		}
		if _, ok := packet.ReadARP(packet.LinkRaw, frame); ok {
			t.Error("a message without Ethernet")
		}
	}
	for _, other := range []string{strings.Replace(arpRequest, "04 0001", "04 0003", 1), strings.Replace(arpRequest, "0001 0800", "0001 86dd", 1),
		strings.Replace(arpRequest, "06 04", "06 10", 1), strings.Replace(arpRequest, "0806", "0800", 1)} {
		if got, ok := packet.ReadARP(packet.LinkEthernet, bytesOf(t, other)); ok {
			t.Errorf("%+v of %s", got, other)
		}
	}
}

// FuzzReadARP: no frame ends the reader, and what it reads are addresses.
func FuzzReadARP(f *testing.F) {
	f.Add(bytesOf(f, arpRequest))
	f.Add(bytesOf(f, arpReply))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if a, ok := packet.ReadARP(packet.LinkEthernet, frame); ok && (!a.Sender.Is4() || !a.Target.Is4()) {
			t.Errorf("%+v", a)
		}
	})
}
