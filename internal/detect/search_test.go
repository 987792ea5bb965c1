package detect_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// search returns a frame with a message of ARP on the vif of work.
func search(at int64, sender, target netip.Addr, reply bool) *capture.Frame {
	b := make([]byte, 42)
	copy(b[12:], []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, 1}) // ARP, Ethernet, IPv4, sizes of both addresses, request
	f := &capture.Frame{Data: b, Time: start + at, Length: 42, Iface: 7, Direction: packet.Inbound, Link: packet.LinkEthernet}
	if reply {
		b[21], f.Direction = 2, packet.Outbound
	}
	copy(b[28:], sender.AsSlice())
	copy(b[38:], target.AsSlice())
	return f
}

// TestFeed_Frame takes who looks for a neighbour, in the order of what else is seen, and no one who
// announces an address, or looks whether it is free.
func TestFeed_Frame(t *testing.T) {
	t.Parallel()
	w := newWorld()
	neighbour := netip.MustParseAddr("10.137.0.7")
	w.ask(t, "www.example.org", 1e9, web)
	w.Flush(true) // as a meter does
	w.Frame(search(2e9, client, neighbour, false))
	w.Frame(search(3e9, neighbour, client, true))
	w.Frame(search(4e9, client, client, false))
	w.Frame(search(5e9, netip.IPv4Unspecified(), client, false))
	w.Frame(&capture.Frame{Data: make([]byte, 60), Time: start + 6e9, Iface: 7, Link: packet.LinkEthernet})
	w.Frame(&capture.Frame{Data: search(7e9, client, neighbour, false).Data, Time: start + 7e9, Iface: 7, Link: packet.LinkRaw})
	w.Close()
	want := []string{"1s 5 work www.example.org", "1.001s 5 work www.example.org", "2s 8 work ", "3s 9 work "}
	if diff := cmp.Diff(want, w.seen); diff != "" {
		t.Errorf("observations mismatch (-want +got):\n%s", diff)
	}
}
