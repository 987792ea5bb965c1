//go:build linux

package dropin_test

import (
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/qubesbeat/qubesbeat/internal/testbed/wire"
)

// message is what one side of a conversation says.
type message = wire.Message

// probe writes a connection with nothing wrong about it. Its transactions show
// whether the analyzers still work.
func probe(w *wire.Wire) {
	w.TCP(80, []message{
		{FromClient: true, Data: []byte("GET /probe HTTP/1.1\r\nHost: example.org\r\n\r\n")},
		{Data: []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")},
	})
}

// isProbe keeps the transactions of probes.
func isProbe(e event) bool { return e.Text("url.path") == "/probe" && e.Text("status") == "OK" }

// icmp6 writes an ICMPv6 message whose payload may be shorter than its header.
func icmp6(t *testing.T, w *wire.Wire, from, to netip.Addr, payload []byte) {
	t.Helper()
	head := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolICMPv6, SrcIP: from.AsSlice(), DstIP: to.AsSlice()}
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true},
		wire.Ethernet(layers.EthernetTypeIPv6), head, gopacket.Payload(payload))
	if err != nil {
		t.Fatal(err)
	}
	w.Frame(b.Bytes())
}
