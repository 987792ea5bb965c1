package packetstore

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// TestHead_long holds that a head fills its page whatever its texts have, and can be read.
func TestHead_long(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "<", "\x01", "\xff", "ä", "x"} {
		long := strings.Repeat(text, 5000)
		h := &head{Store: 1, Folder: folderOf(long), Boot: "3f9a1c04", Sequence: 1, First: t0, Version: short(long), Qube: short(long), UUID: short(long),
			Label: short(long), Most: 256, filter: strings.Repeat("f", 1000), holder: &Holder{Vif: long, Name: long, Label: long, Class: long, Netvm: long}}
		for range 8 {
			h.holder.Addresses = append(h.holder.Addresses, netip.MustParseAddr("2001:db8::1"))
		}
		page := appendHead(nil, h)
		got, err := parseHead(pcapng.NewScanner(bytes.NewReader(page), 0))
		if err != nil || len(page) != pageSize || got.Folder != h.Folder || got.Boot != h.Boot || got.Sequence != 1 || got.First != t0 {
			t.Errorf("%q: %d bytes, %+v, %v", text, len(page), got, err)
		}
	}
}
