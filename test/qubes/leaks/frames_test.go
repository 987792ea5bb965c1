package leaks_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pcapng"
	"github.com/qubesbeat/qubesbeat/internal/source"
)

// kept is a packet of a recording.
type kept struct {
	at     int64 // nanoseconds since the Unix epoch
	vif    string
	out    bool
	data   []byte
	length uint32
}

// readFrames returns the packets of a recording, of which name is the path without an
// extension.
func readFrames(tb testing.TB, name string) (all []kept) {
	tb.Helper()
	src, err := source.Open(&source.Config{Interfaces: make([]config.Interface, 1), Replay: source.Replay{Files: []string{name + ".pcapng"}, Loop: 1, TopSpeed: true}})
	if err != nil {
		tb.Fatal(err)
	}
	defer src.Close()
	var f capture.Frame
	for {
		switch err := src.Next(&f); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			tb.Fatal(err)
		}
		all = append(all, kept{f.Time, src.Interfaces().Name(f.Iface), f.Direction == packet.Outbound, slices.Clone(f.Data), f.Length})
	}
}

// writeFrames writes packets in their order as a recording, with the inventory and the list
// of relays of another, and returns its path.
func writeFrames(tb testing.TB, like string, all []kept) string {
	tb.Helper()
	b := pcapng.AppendSection(nil, &pcapng.Section{Program: "qubesbeat testbed"})
	names := []string{"eth0", "vif7.0", "vif4.0", "vif6.0"} // as recorded: one without a packet is captured, too
	for _, name := range names {
		b = pcapng.AppendInterface(b, &pcapng.Interface{LinkType: 1, Name: name})
	}
	for _, f := range all {
		if !slices.Contains(names, f.vif) {
			names = append(names, f.vif)
			b = pcapng.AppendInterface(b, &pcapng.Interface{LinkType: 1, Name: f.vif})
		}
	}
	for _, f := range all {
		flags := uint32(1)
		if f.out {
			flags = 2
		}
		b = pcapng.AppendPacket(b, &pcapng.Packet{Interface: uint32(slices.Index(names, f.vif)), At: f.at, Data: f.data, Length: f.length, Flags: flags})
	}
	base := filepath.Join(tb.TempDir(), "changed")
	for _, extension := range []string{".inventory", ".consensus"} {
		if text, err := os.ReadFile(like + extension); err == nil {
			if err := os.WriteFile(base+extension, text, 0o600); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(base+".pcapng", b, 0o600); err != nil {
		tb.Fatal(err)
	}
	return base + ".pcapng"
}

// later returns packets at a later time, with one address instead of another.
func later(all []kept, by time.Duration, addr, instead []byte) (moved []kept) {
	for _, f := range all {
		f.at += int64(by)
		if addr != nil && bytes.Contains(f.data[:min(len(f.data), 34)], addr) {
			f.data = slices.Clone(f.data)
			copy(f.data[bytes.Index(f.data, addr):], instead)
		}
		moved = append(moved, f)
	}
	return moved
}
