package addrscope_test

import (
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/addrscope"
)

func TestPrivate(t *testing.T) {
	for text, want := range map[string]bool{
		"93.184.216.34": false, "172.32.0.1": false, "100.128.0.1": false, "2606:2800:21f::1": false, "::ffff:93.184.216.34": false,
		"64:ff9b::93.184.216.34": false, "2002:5db8:d822::1": false, "2001:0:5db8:d822::a247:27dd": false, "2001:db8::1": false,
		"10.0.0.1": true, "127.8.8.8": true, "169.254.169.254": true, "0.0.0.0": true, "0.1.2.3": true, "100.64.0.1": true,
		"192.0.0.8": true, "224.0.0.1": true, "240.0.0.1": true, "255.255.255.255": true,
		"::": true, "::1": true, "::10.0.0.1": true, "::ffff:10.0.0.1": true, "::ffff:0:10.0.0.1": true, "fe80::1%eth0": true,
		"fec0::1": true, "fd00::1": true, "ff02::1": true, "100::1": true, "64:ff9b::10.0.0.1": true, "64:ff9b:1::93.184.216.34": true,
		"2002:a00:1::1": true, "2002:7f00:1::": true, "2002:a9fe:a9fe::1": true,
		"2001:0:5db8:d822::f5ff:fffe": true, // a client at 10.0.0.1
		"2001:0:c0a8:101::a247:27dd":  true, // a server at 192.168.1.1
	} {
		a := netip.MustParseAddr(text)
		if got := addrscope.Private(a); got != want {
			t.Errorf("Private(%s) = %v; want %v", text, got, want)
		}
		if n := testing.AllocsPerRun(10, func() { addrscope.Private(a) }); n != 0 {
			t.Errorf("Private(%s) allocates %v times; want 0", text, n)
		}
	}
	if !addrscope.Private(netip.Addr{}) {
		t.Error("an invalid address is public")
	}
}
