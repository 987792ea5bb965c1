package flow_test

import (
	"flag"
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/event"
	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/golden"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/version"
	"github.com/qubesbeat/qubesbeat/module/flow"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// t0 is the time of the first packet: 2023-11-14 22:13:20 UTC.
const t0 = int64(1_700_000_000e9)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// work is a qube with everything that an inventory can say.
func work() *qube.Qube {
	return &qube.Qube{Name: "work", Class: qube.ClassApp, State: "Running", Label: "blue", NetVM: "sys-log",
		Template: "debian-12", XID: 7, IP: addr("10.137.0.6"), IP6: addr("fd09::6")}
}

// base returns a UDP flow of one question and one answer, without an inventory.
func base(src, dst string) *flow.Document {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	f := &flow.Document{}
	f.Proto, f.Start, f.End, f.Born, f.Reason = packet.ProtoUDP, t0, t0+20e6, t0, meter.ReasonIdle
	f.Source = meter.Endpoint{Port: s.Port(), Packets: 1, Bytes: 73, Sent: true}
	f.Destination = meter.Endpoint{Port: d.Port(), Packets: 1, Bytes: 105, Sent: true}
	f.Source.Addr, f.Family = packet.AddrFrom(s.Addr())
	f.Destination.Addr, _ = packet.AddrFrom(d.Addr())
	return f
}

// onVif gives the flow an observation point and a client.
func onVif(f *flow.Document) *flow.Document {
	f.Interface, f.FromSource, f.Direction = "vif7.0", packet.Inbound, event.Outbound
	f.Qube, f.SourceQube, f.Attribution, f.Client = work(), work(), event.Inventory, addr("10.137.0.6")
	return f
}

func withMAC(f *flow.Document) *flow.Document {
	f.HasMAC = true
	f.Source.MAC, f.Destination.MAC = [6]byte{0, 0x16, 0x3e, 0x5e, 0x6c, 0}, [6]byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}
	return f
}

// keptFlow is a flow of which a store has some packets as headers only.
func keptFlow() *flow.Document {
	f := onVif(base("10.137.0.6:40000", "1.1.1.1:53"))
	f.Kept = meter.Kept{Written: 12, Cut: 3, Lost: 1, First: 17, Last: 19, Boot: 0x3f9a1c04}
	return f
}

func tcpFlow() *flow.Document {
	f := withMAC(onVif(base("10.137.0.6:40000", "1.1.1.1:443")))
	f.Proto, f.State, f.SynCount, f.Reason = packet.ProtoTCP, meter.StateClosed, 2, meter.ReasonEnd
	f.Source.TCPFlags, f.Destination.TCPFlags = packet.SYN|packet.ACK|packet.PSH|packet.FIN, packet.SYN|packet.ACK|packet.FIN
	f.Destination.Packets, f.Destination.Bytes = 1_000_000, 1_500_000_000
	return f
}

func icmpFlow() *flow.Document {
	f := withMAC(onVif(base("10.137.0.6:0", "1.1.1.1:0")))
	f.Proto, f.ICMPID, f.ICMPKind = packet.ProtoICMP, 99, 8<<8
	f.Source.ICMPType = 8
	return f
}

func tunnelFlow() *flow.Document {
	f := onVif(base("192.168.5.1:5000", "192.168.5.2:53"))
	f.Outer = packet.Outer{Kind: packet.TunnelVXLAN, ID: 4096}
	f.Outer.Src, f.Outer.Family = packet.AddrFrom(addr("10.137.0.6"))
	f.Outer.Dst, _ = packet.AddrFrom(addr("9.9.9.9"))
	return f
}

func vlanFlow(n uint8) *flow.Document {
	f := withMAC(base("10.0.0.1:5000", "10.0.0.2:53"))
	f.VLAN, f.VLANs = [2]uint16{101, 600}, n
	return f
}

// change returns the document after f has changed it.
func change(d *flow.Document, f func(*flow.Document)) *flow.Document {
	f(d)
	return d
}

// documents are the golden cases by the names of their files.
func documents() map[string]*flow.Document {
	return map[string]*flow.Document{
		"tcp":    tcpFlow(),
		"replay": base("10.137.0.6:5353", "1.1.1.1:53"),
		"icmp":   icmpFlow(),
		"icmp-answer": change(icmpFlow(), func(f *flow.Document) {
			f.Source.Sent = false
			f.Source.Packets, f.Source.Bytes, f.Source.ICMPType = 0, 0, 0
		}),
		"spoofed": change(onVif(base("10.137.0.9:5353", "1.1.1.1:53")), func(f *flow.Document) {
			f.Attribution, f.Client = event.Spoofed, addr("10.137.0.9")
		}),
		"spoofed-unnamed": change(onVif(base("10.137.0.9:5353", "1.1.1.1:53")), func(f *flow.Document) {
			f.Attribution, f.Client, f.Qube, f.SourceQube = event.Spoofed, addr("10.137.0.9"), nil, nil
		}),
		"unknown": change(onVif(base("10.137.0.99:5353", "1.1.1.1:53")), func(f *flow.Document) {
			f.Attribution, f.Client, f.Qube, f.SourceQube = event.Unknown, addr("10.137.0.99"), nil, nil
		}),
		"internal": change(onVif(base("10.137.0.9:5353", "10.137.0.6:53")), func(f *flow.Document) {
			f.FromSource, f.Direction, f.DestinationQube = packet.Outbound, event.Internal, work()
			f.SourceQube = &qube.Qube{Name: "untrusted", Label: "red"}
		}),
		"located": change(onVif(base("10.137.0.6:40000", "1.1.1.1:53")), func(f *flow.Document) {
			f.DestinationPlace = &event.Place{Country: "AU", ASNumber: 13335, ASName: "Example, Inc."}
		}),
		"external": change(base("10.137.0.2:5353", "1.1.1.1:53"), func(f *flow.Document) {
			f.Interface, f.Direction, f.FromSource = "eth0", event.External, packet.Outbound
		}),
		"vlan":     vlanFlow(1),
		"packets":  keptFlow(),
		"vlan-two": vlanFlow(2),
		"tunnel":   tunnelFlow(),
		"tunnel-vif": change(tunnelFlow(), func(f *flow.Document) {
			f.Proto, f.State = packet.ProtoTCP, meter.StateSynSent
			f.Outer.Proto, f.Outer.SrcPort, f.Outer.DstPort = packet.ProtoUDP, 7777, packet.PortVXLAN
			f.TakeOuter()
		}),
		"interim":   change(tcpFlow(), func(f *flow.Document) { f.Reason, f.State = meter.ReasonNone, meter.StateEstablished }),
		"ipv6":      withMAC(onVif(base("[fd09::6]:5353", "[2606:4700:4700::1111]:53"))),
		"sctp":      change(base("10.0.0.1:5000", "10.0.0.2:6000"), func(f *flow.Document) { f.Proto = packet.ProtoSCTP }),
		"no-ports":  change(base("10.0.0.1:0", "10.0.0.2:0"), func(f *flow.Document) { f.Proto = 89 }),
		"tcp-blank": change(tcpFlow(), func(f *flow.Document) { f.Source.TCPFlags, f.Destination.TCPFlags, f.SynCount = 0, 0, 0 }),
	}
}

// TestDocument_Write compares with testdata/*.golden.json, which -update
// rewrites.
func TestDocument_Write(t *testing.T) {
	t.Parallel()
	for name, doc := range documents() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compare(t, name, event.ToMap(doc))
		})
	}
}

// compare compares fields with a file. The version is left out, so that a release
// does not change every file.
func compare(t *testing.T, name string, fields map[string]any) {
	t.Helper()
	observer, _ := fields["observer"].(map[string]any)
	if observer["version"] != version.Version {
		t.Errorf("observer.version = %v; want %s", observer["version"], version.Version)
	}
	delete(observer, "version")
	golden.Compare(t, name, fields, *update)
}

// TestDocument_Time is the time of the last packet, and Final what the record
// says.
func TestDocument_Time(t *testing.T) {
	t.Parallel()
	d := base("10.0.0.1:1", "10.0.0.2:2")
	if got, want := d.Time(), time.Date(2023, 11, 14, 22, 13, 20, 20e6, time.UTC); !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("Time = %v; want %v", got, want)
	}
	if !d.Final() {
		t.Error("Final = false of an idle flow; want true")
	}
	if d.Reason = meter.ReasonNone; d.Final() {
		t.Error("Final = true of an interim report; want false")
	}
}
