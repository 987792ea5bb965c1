package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// order is the byte order in which a test file is written.
type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

// classic writes pcap files (draft-ietf-opsawg-pcap).
type classic struct {
	order
	magic uint32
}

func microLE() classic { return classic{binary.LittleEndian, 0xa1b2c3d4} }

// header is a file header: magic, version 2.4, two zeros, snap length, link type.
func (c classic) header(link uint32) []byte {
	b := c.AppendUint32(nil, c.magic)
	b = c.AppendUint16(c.AppendUint16(b, 2), 4)
	b = c.AppendUint32(c.AppendUint32(b, 0), 0)
	return c.AppendUint32(c.AppendUint32(b, 262144), link)
}

// record is seconds, fraction, captured length, length on the wire, data.
func (c classic) record(sec, frac, wire uint32, data string) []byte {
	b := c.AppendUint32(c.AppendUint32(nil, sec), frac)
	b = c.AppendUint32(c.AppendUint32(b, uint32(len(data))), wire)
	return append(b, data...)
}

// ng writes pcapng files (draft-ietf-opsawg-pcapng).
type ng struct{ order }

func ngLE() ng { return ng{binary.LittleEndian} }

func ngBE() ng { return ng{binary.BigEndian} }

// block is type, length, padded body, length again.
func (n ng) block(kind uint32, body []byte) []byte {
	body = n.pad(body)
	length := uint32(len(body) + 12)
	b := n.AppendUint32(n.AppendUint32(nil, kind), length)
	return n.AppendUint32(append(b, body...), length)
}

func (n ng) pad(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }

// section is a section header: byte order magic, version 1.0, unknown length.
func (n ng) section() []byte {
	b := n.AppendUint32(nil, 0x1a2b3c4d)
	b = n.AppendUint16(n.AppendUint16(b, 1), 0)
	return n.block(0x0a0d0d0a, n.AppendUint64(b, ^uint64(0)))
}

// iface is an interface description: link type, reserved, snap length, options.
func (n ng) iface(link uint16, snap uint32, options ...[]byte) []byte {
	b := n.AppendUint32(n.AppendUint16(n.AppendUint16(nil, link), 0), snap)
	return n.block(1, append(b, cat(options...)...))
}

func (n ng) named(name string) []byte { return n.iface(1, 0, n.option(2, []byte(name))) }

// option is code, length, padded value.
func (n ng) option(code uint16, value []byte) []byte {
	b := n.AppendUint16(n.AppendUint16(nil, code), uint16(len(value)))
	return n.pad(append(b, value...))
}

// enhanced is an enhanced packet: interface, time in two halves, lengths, data,
// options.
func (n ng) enhanced(iface uint32, ts uint64, wire uint32, data string, options ...[]byte) []byte {
	b := n.AppendUint32(nil, iface)
	b = n.AppendUint32(n.AppendUint32(b, uint32(ts>>32)), uint32(ts))
	b = n.AppendUint32(n.AppendUint32(b, uint32(len(data))), wire)
	b = append(n.pad(append(b, data...)), cat(options...)...)
	return n.block(6, b)
}

// obsolete is a packet block of old: interface, drops, the rest as above.
func (n ng) obsolete(iface, drops uint16, ts uint64, wire uint32, data string) []byte {
	b := n.AppendUint16(n.AppendUint16(nil, iface), drops)
	b = n.AppendUint32(n.AppendUint32(b, uint32(ts>>32)), uint32(ts))
	b = n.AppendUint32(n.AppendUint32(b, uint32(len(data))), wire)
	return n.block(2, append(b, data...))
}

// simple is a simple packet: length on the wire, data.
func (n ng) simple(wire uint32, data string) []byte {
	return n.block(3, append(n.AppendUint32(nil, wire), data...))
}

// frame is what a test expects of an Ethernet frame.
func frame(time int64, wire uint32, data string) capture.Frame {
	return capture.Frame{Time: time, Length: wire, Data: []byte(data), Link: packet.LinkEthernet}
}

// readAll returns the frames of a source with copies of their data, and the
// error that ended it, nil for io.EOF.
//
// It fails if the bytes of a frame do not last as long as Held says. The frames that it returns
// do not have Held set.
func readAll(s capture.Source) (frames []capture.Frame, err error) {
	var held [][]byte // of the last frames
	for {
		var f capture.Frame
		err := s.Next(&f)
		if len(held) > 0 && err != nil && !errors.Is(err, capture.ErrAgain) {
			return frames, fmt.Errorf("%d frames are held and there is none after them: %w", len(held), err)
		}
		if errors.Is(err, io.EOF) {
			return frames, nil
		}
		if err != nil {
			return frames, err
		}
		held = append(held, f.Data)
		end := !f.Held
		f.Data, f.Held = append([]byte{}, f.Data...), false
		frames = append(frames, f)
		if !end {
			continue
		}
		for i, b := range held {
			if !bytes.Equal(b, frames[len(frames)-len(held)+i].Data) {
				return frames, fmt.Errorf("frame %d has other bytes before the end of those that are held", len(frames)-len(held)+i)
			}
		}
		held = held[:0]
	}
}

// TestFile_Next_held reads files that are larger than the buffer: nearly all frames are held.
func TestFile_Next_held(t *testing.T) {
	t.Parallel()
	le, ng := microLE(), ngBE()
	for name, parts := range map[string][2][]byte{
		"pcap":   {le.header(1), le.record(1, 0, 60, "a frame of some bytes")},
		"pcapng": {cat(ng.section(), ng.iface(1, 0)), ng.enhanced(0, 1e6, 60, "a frame of some bytes")},
	} {
		const n = 50_000
		file := cat(parts[0], bytes.Repeat(parts[1], n))
		if frames, err := readBytes(file, nil); err != nil || len(frames) != n {
			t.Errorf("%s: %d frames, %v; want %d", name, len(frames), err, n)
		}
		r, err := capture.NewReader(name, bytes.NewReader(file), nil)
		if err != nil {
			t.Fatal(err)
		}
		held, f := 0, capture.Frame{}
		for r.Next(&f) == nil {
			if f.Held {
				held++
			}
		}
		if held < n*999/1000 || held == n {
			t.Errorf("%s: %d of %d frames are held; want nearly all", name, held, n)
		}
	}
}

// readBytes reads a capture file that stands in memory.
func readBytes(file []byte, names *capture.Interfaces) (frames []capture.Frame, err error) {
	f, err := capture.NewReader("test.pcap", bytes.NewReader(file), names)
	if err != nil {
		return nil, err
	}
	frames, err = readAll(f)
	return frames, errors.Join(err, f.Close())
}

// checkFormat checks that err says the file, the place and what to do next.
func checkFormat(t *testing.T, err error, name string, offset int64, what string) {
	t.Helper()
	var format *capture.FormatError
	if !errors.As(err, &format) {
		t.Errorf("error %v; want a FormatError", err)
		return
	}
	if format.File != name || format.Offset != offset || !strings.Contains(format.What, what) || format.Hint == "" {
		t.Errorf("error %q; want file %q, offset %d, %q and a hint", err, name, offset, what)
	}
	for _, part := range []string{format.File, format.What, format.Hint} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}
