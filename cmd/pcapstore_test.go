package cmd_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"

	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/module/flow"
)

// storeStart is the time of the first packet in a store of the scripts.
var storeStart = time.Date(2026, 11, 27, 22, 48, 16, 0, time.UTC)

// packetStore makes a store of packets: store DIR [ip|FILE]. It has three packets of a flow of
// work and two of personal, a second apart, and beside it are the events of both flows,
// work.json and personal.json. With ip, vpn is in place of personal, whose packets have no
// link header. With a FILE for a key, which it makes, it encrypts.
func packetStore(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: store DIR [ip|FILE]")
	}
	dir := ts.MkAbs(args[0])
	names := []string{"work", "personal"}
	var keys []string
	for _, arg := range args[1:] {
		if arg == "ip" {
			names[1] = "vpn"
			continue
		}
		key, err := age.GenerateX25519Identity()
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(arg), []byte("# of a test\n"+key.String()+"\n"), 0o600))
		keys = append(keys, key.Recipient().String())
	}
	s, err := packetstore.Open(packetstore.Config{Dir: dir, MinFree: 1, MaxBytes: 1 << 40, Memory: 2 << 20, Integrity: true, EncryptTo: keys,
		Names: func(iface uint32, _ time.Time) (packetstore.Holder, bool) {
			return packetstore.Holder{Vif: fmt.Sprintf("vif%d.0", iface+7), Name: names[iface], Label: "blue", Class: "AppVM"}, true
		}})
	ts.Check(err)
	for i, name := range names {
		r := meter.Record{Family: 4, Proto: packet.ProtoUDP, Iface: uint32(i), Born: storeStart.UnixNano()}
		from, to := netip.AddrFrom4([4]byte{10, 137, 0, byte(i + 7)}), netip.MustParseAddr("198.51.100.7")
		r.Source.Addr, _ = packet.AddrFrom(from)
		r.Destination.Addr, _ = packet.AddrFrom(to)
		r.Source.Port, r.Destination.Port = 40000, 53
		info := packetstore.FlowInfo{Key: flow.Key(&r), Source: from, Destination: to, SourcePort: 40000, DestinationPort: 53, Protocol: 17, Born: r.Born}
		var account packetstore.Account
		s.Begin()
		for n := range 3 - i {
			data, link := datagram(from, to), uint16(1)
			if name == "vpn" {
				data, link = data[14:], 101
			}
			s.Add(&packetstore.Packet{Iface: uint32(i), At: storeStart.Add(time.Duration(n) * time.Second).UnixNano(), Data: data, Length: len(data), LinkType: link, Flow: &info, Account: &account})
		}
		s.End()
		event := fmt.Sprintf(`{"@timestamp": "2026-11-27T22:48:18.000Z", "event": {"start": "2026-11-27T22:48:16.000Z", "end": "2026-11-27T22:48:18.000Z"},
"flow": {"id": %q, "final": true}, "network": {"transport": "udp", "iana_number": "17", "community_id": %q, "packets": %d},
"source": {"ip": %q, "port": 40000}, "destination": {"ip": %q, "port": 53}, "qube": {"name": %q}}
`, flow.ID(&r), r.CommunityID(0), 3-i, from, to, name)
		ts.Check(os.WriteFile(filepath.Join(filepath.Dir(dir), name+".json"), []byte(event), 0o600))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ts.Check(s.Run(ctx))
}

// datagram returns an Ethernet frame with a UDP packet from port 40000 to 53.
func datagram(from, to netip.Addr) []byte {
	b := make([]byte, 60)
	copy(b, "\x00\x16\x3e\x5e\x6c\x00\xfe\xff\xff\xff\xff\xff\x08\x00\x45\x00\x00\x2e\x00\x00\x00\x00\x40\x11")
	copy(b[26:], from.AsSlice())
	copy(b[30:], to.AsSlice())
	binary.BigEndian.PutUint16(b[34:], 40000)
	binary.BigEndian.PutUint16(b[36:], 53)
	binary.BigEndian.PutUint16(b[38:], 26)
	return b
}
