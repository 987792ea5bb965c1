package packets

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
)

// TestService_Keep_tags stores the tag that the kernel has taken off, also the outer one of
// two, and lets the filter see it, as tcpdump does.
func TestService_Keep_tags(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Filter = "vlan" })
	stop := w.run()
	plain := frame(40000, 53, 100)
	inner := append(append(append([]byte{}, plain[:12]...), 0x81, 0, 0, 200), plain[12:]...)
	for i, f := range []capture.Frame{
		{Data: plain, HasVLAN: true, VLAN: 7, VLANType: 0x8100},
		{Data: inner, HasVLAN: true, VLAN: 100, VLANType: 0x88a8},
		{Data: plain},
	} {
		f.Time, f.Length, f.Iface, f.Link = w.now+int64(i), uint32(len(f.Data)), 7, packet.LinkEthernet
		if _, ok := w.keep(f); !ok {
			t.Fatalf("frame %d cannot be decoded", i)
		}
	}
	stop()
	_, file, done := find(t, w.conf.Dir, &packetstore.Query{})
	if done.Packets != 2 || done.Cut != 0 || w.metric("filtered") != 1 {
		t.Errorf("%d packets are stored, %d cut, %d filtered; want the two with tags whole", done.Packets, done.Cut, w.metric("filtered"))
	}
	for name, tags := range map[string][]byte{"tag": {0x81, 0, 0, 7, 8, 0, 0x45}, "QinQ": {0x88, 0xa8, 0, 100, 0x81, 0, 0, 200, 8, 0, 0x45}} {
		if !bytes.Contains(file, append(append([]byte{}, plain[:12]...), tags...)) {
			t.Errorf("the %s is not where it was on the wire", name)
		}
	}
}

// TestService_Keep_tagLength holds that a frame whose tag a live source has counted in its
// length is stored whole, and one that it has cut as long as it was on the wire.
func TestService_Keep_tagLength(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	stop := w.run()
	plain := frame(40000, 53, 100)
	for i, cut := range []int{0, 20} {
		f := capture.Frame{Data: plain[:len(plain)-cut], HasVLAN: true, VLAN: 7, VLANType: 0x8100, Link: packet.LinkEthernet,
			Time: w.now + int64(i), Length: uint32(len(plain) + tagBytes), Iface: 7}
		if _, ok := w.keep(f); !ok {
			t.Fatalf("frame %d cannot be decoded", i)
		}
	}
	stop()
	flows, _, done := find(t, w.conf.Dir, &packetstore.Query{Ends: []packetstore.End{{Addr: netip.MustParseAddrPort("10.137.0.7:40000"), Protocol: 17}}})
	if want := uint64(2 * (len(plain) + tagBytes)); done.Packets != 2 || done.Cut != 1 || len(flows) != 1 || flows[0].Bytes != want {
		t.Errorf("%+v of %+v; want 2 packets of %d bytes, 1 cut", done, flows, want)
	}
}
