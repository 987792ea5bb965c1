package pcapfilter_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pcapfilter"
)

// TestMatcher filters frames of several link types, and refuses what Compile refuses.
func TestMatcher(t *testing.T) {
	t.Parallel()
	ip := []byte("\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x89\x00\x07\x0a\x8b\x01\x01\xc0\x00\x00\x35\x00\x08\x00\x00")
	ether := append([]byte("\x00\x16\x3e\x5e\x6c\x00\xfe\xff\xff\xff\xff\xff\x08\x00"), ip...)
	match, err := pcapfilter.Matcher("udp port 53")
	if err != nil {
		t.Fatal(err)
	}
	other, err := pcapfilter.Matcher("ether src fe:ff:ff:ff:ff:ff")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name        string
		link        packet.Link
		frame       []byte
		port, ether bool
	}{
		{"ethernet", packet.LinkEthernet, ether, true, true},
		{"raw", packet.LinkRaw, ip, true, false},
		{"short", packet.LinkEthernet, ether[:30], false, true},
		{"empty", packet.LinkRaw, nil, false, false},
	} {
		if got := match(tt.link, tt.frame); got != tt.port {
			t.Errorf("%s: udp port 53 accepts it: %v; want %v", tt.name, got, tt.port)
		}
		if got := other(tt.link, tt.frame); got != tt.ether {
			t.Errorf("%s: ether src accepts it: %v; want %v", tt.name, got, tt.ether)
		}
	}
	if _, err := pcapfilter.Matcher("port"); err == nil {
		t.Error("Matcher = nil for an incomplete filter; want an error")
	}
}
