//go:build linux

package dropin_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/wire"
)

// The fragments of TestHostile_fragments: datagrams that never become whole.
const (
	brokenDatagrams  = 40_000
	fragmentsPerPart = 4
	fragmentBytes    = 512
	sameID           = 40_000 // fragments more of one and the same datagram
	fragmentTime     = 20 * time.Second
	fragmentMemory   = 128 << 20  // what they may cost beside the beat itself
	fragmentIP       = 0x0a000000 // the first client
)

// TestHostile_fragments gives fragments of datagrams that never come to an end
// (CVE-2025-68388): packetbeat keeps every one of them.
func TestHostile_fragments(t *testing.T) {
	require(t)
	t.Parallel()
	small, large := wire.New(t), wire.New(t)
	probe(small)
	fragments(t, large)
	probe(large)
	few, many := small.Close(), large.Close()
	var grown [2]uint64
	for i, p := range []program{ours, theirs} {
		t.Run(p.name, func(t *testing.T) {
			config := onlyFlows + runner.AllProtocols + outputFile
			base := replay(t, p, config, few, replayTime).Peak()
			b := replay(t, p, config, many, fragmentTime)
			grown[i] = b.Peak() - min(base, b.Peak())
			t.Logf("%s: %d MiB with a probe only, %d MiB more with %d fragments of %d MiB in all; given up: %v", p.name, base>>20, grown[i]>>20,
				large.Frames(), (large.Frames()*fragmentBytes)>>20, b.late)
			if p.name != ours.name {
				return
			}
			if b.Err() != nil {
				t.Fatalf("qubesbeat ended with %v", b.Err())
			}
			events := b.Events(t)
			if n := len(events.Filter(isProbe)); n != 1 {
				t.Errorf("%d probes analyzed after the fragments; want 1", n)
			}
			if got := lastStats(t, events)["flows.packets"]; got != uint64(large.Frames()) {
				t.Errorf("%d packets metered; want %d", got, large.Frames())
			}
			if grown[i] > fragmentMemory {
				t.Errorf("%d MiB more; want at most %d", grown[i]>>20, fragmentMemory>>20)
			}
		})
	}
}

// fragments writes datagrams without an end, and then one with holes only.
func fragments(t *testing.T, w *wire.Wire) {
	t.Helper()
	for n := range brokenDatagrams {
		for part := range fragmentsPerPart {
			fragment(t, w, uint32(fragmentIP+n%1000), uint16(n), uint16(part)*2)
		}
	}
	for n := range sameID {
		fragment(t, w, fragmentIP, 1, uint16(n%100)*2)
	}
}

// fragment writes a piece of a datagram after which more is to come. offset is in
// units of fragmentBytes.
func fragment(t *testing.T, w *wire.Wire, from uint32, id, offset uint16) {
	t.Helper()
	src := binary.BigEndian.AppendUint32(nil, from)
	head := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: src, DstIP: []byte{198, 51, 100, 7},
		Id: id, Flags: layers.IPv4MoreFragments, FragOffset: offset * fragmentBytes / 8}
	payload := make([]byte, fragmentBytes)
	copy(payload, []byte{0x9c, 0x40, 0, 53, 0xff, 0, 0, 0}) // a header of UDP, for the first
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true},
		wire.Ethernet(layers.EthernetTypeIPv4), head, gopacket.Payload(payload))
	if err != nil {
		t.Fatal(err)
	}
	w.Frame(b.Bytes())
}
