package wire_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// TestRead returns what Write has written, and an error for a message that is
// truncated or too long.
func TestRead(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := errors.Join(wire.Write(&b, wire.KindEvent, []byte("abc")), wire.Write(&b, wire.KindStats, nil)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(&b)
	if kind, body, err := wire.Read(r); kind != wire.KindEvent || string(body) != "abc" || err != nil {
		t.Errorf("Read = %c, %q, %v", kind, body, err)
	}
	if kind, body, err := wire.Read(r); kind != wire.KindStats || len(body) != 0 || err != nil {
		t.Errorf("Read = %c, %q, %v", kind, body, err)
	}
	for in, want := range map[string]error{"": io.EOF, "e\x01\x00": io.ErrUnexpectedEOF, "e\x02\x00\x00\x00a": io.ErrUnexpectedEOF,
		"e\xff\xff\xff\xff": wire.ErrDamaged} {
		if _, _, err := wire.Read(bufio.NewReader(bytes.NewReader([]byte(in)))); !errors.Is(err, want) {
			t.Errorf("Read(%q) = %v; want %v", in, err, want)
		}
	}
}

// TestParsePacket returns what AppendPacket has encoded.
func TestParsePacket(t *testing.T) {
	t.Parallel()
	for _, payload := range [][]byte{nil, []byte("text")} {
		want := feed.Packet{Time: -5, Iface: 1 << 31, Direction: packet.Outbound, Family: 6, Proto: packet.ProtoTCP, Flags: 0x12,
			Src: packet.Addr{1}, Dst: packet.Addr{15: 2}, SrcPort: 65535, DstPort: 1, Seq: 1 << 31, Ack: 7, Payload: payload}
		for _, spoofed := range []bool{false, true} {
			got, gotSpoofed, err := wire.ParsePacket(wire.AppendPacket(nil, &want, spoofed))
			if diff := cmp.Diff(want, got); diff != "" || gotSpoofed != spoofed || err != nil {
				t.Errorf("ParsePacket, with %v and %v, mismatch (-want +got):\n%s", gotSpoofed, err, diff)
			}
		}
	}
	if _, _, err := wire.ParsePacket(make([]byte, 60)); !errors.Is(err, wire.ErrDamaged) {
		t.Errorf("ParsePacket of 60 bytes = %v; want ErrDamaged", err)
	}
	if iface, name, err := wire.ParseName(wire.AppendName(nil, 1<<31, "vif6.0")); iface != 1<<31 || name != "vif6.0" || err != nil {
		t.Errorf("ParseName = %d, %q, %v", iface, name, err)
	}
	if _, _, err := wire.ParseName([]byte("abc")); !errors.Is(err, wire.ErrDamaged) {
		t.Errorf("ParseName of 3 bytes = %v; want ErrDamaged", err)
	}
}

// newEvent returns an event with values of the kinds that analyzers use.
func newEvent() wire.Event {
	return wire.Event{Section: 3, Timestamp: time.Now().UnixNano(), Known: true, Iface: 6, From: 1, Source: "10.137.0.6", Dest: "1.1.1.1",
		Fields: mapstr.M{"type": "http", "n": uint64(1) << 60, "f": 1.5, "b": true, "list": []any{"a", "b"},
			"inner": map[string]any{"text": "\x00\xff"}}}
}

// TestEventDecoder_Decode returns what an encoder has encoded, also after damaged
// input.
func TestEventDecoder_Decode(t *testing.T) {
	t.Parallel()
	encoder, decoder, want := wire.NewEventEncoder(), wire.NewEventDecoder(), newEvent()
	for range 3 {
		b, err := encoder.Encode(&want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decoder.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Decode mismatch (-want +got):\n%s", diff)
		}
		for name, damaged := range map[string][]byte{
			"nothing": nil, "breaks": {0xff, 0xff}, "half": b[:len(b)/2], "all but a byte": b[:len(b)-1],
			"a byte too many":            append(slices.Clone(b), 0),
			"reserved information":       {0x1e, 0},
			"2^56 items":                 {0x9b, 1, 0, 0, 0, 0, 0, 0, 0},
			"nested too deeply":          bytes.Repeat([]byte{0x81}, 1000),
			"a text instead of a number": append([]byte{0xa1, 0x67}, "section\x63xyz"...),
		} {
			if _, err := decoder.Decode(damaged); err == nil {
				t.Errorf("%s: Decode = nil; want an error", name)
			}
		}
	}
}

// FuzzEventDecoder decodes arbitrary bytes without a panic and without hanging, and an
// event after them.
func FuzzEventDecoder(f *testing.F) {
	event := newEvent()
	valid, err := wire.NewEventEncoder().Encode(&event)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(valid)
	f.Add([]byte{0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		decoder := wire.NewEventDecoder()
		_, _ = decoder.Decode(b)
		if _, err := decoder.Decode(valid); err != nil {
			t.Errorf("Decode after %x = %v", b, err)
		}
	})
}

// TestStats_Add adds counters of both, and changes no map of either.
func TestStats_Add(t *testing.T) {
	t.Parallel()
	one := wire.Stats{Analyzers: wire.AnalyzerStats{Packets: 1, Live: 5, Panics: map[string]uint64{"tls": 1}},
		Reporter: wire.ReporterStats{Reported: 2, Sent: 2}}
	sum := one
	sum.Add(one)
	want := wire.Stats{Analyzers: wire.AnalyzerStats{Packets: 2, Live: 5, Panics: map[string]uint64{"tls": 2}, Refused: map[string]uint64{}},
		Reporter: wire.ReporterStats{Reported: 4, Sent: 4}}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("Add mismatch (-want +got):\n%s", diff)
	}
	if one.Analyzers.Panics["tls"] != 1 {
		t.Error("Add has changed a map of its argument")
	}
}
