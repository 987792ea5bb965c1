package capture_test

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

// long is a record with the longer header of the modified format.
func (c classic) long(sec, frac, wire uint32, data string) []byte {
	b := c.record(sec, frac, wire, "")
	c.PutUint32(b[8:], uint32(len(data)))
	b = c.AppendUint16(c.AppendUint32(b, 2), 8) // interface index, protocol
	return append(append(b, 4, 0), data...)     // packet type, padding
}

// TestCase28_pcap_modified reads files whose records have a header of 24 bytes.
func TestCase28_pcap_modified(t *testing.T) {
	t.Parallel()
	for _, c := range []classic{{binary.LittleEndian, 0xa1b2cd34}, {binary.BigEndian, 0xa1b2cd34}} {
		file := cat(c.header(1), c.long(1, 5, 60, "first"), c.long(2, 0, 6, "second"))
		got, err := readBytes(file, nil)
		if err != nil {
			t.Fatalf("%v: %v", c.order, err)
		}
		want := []capture.Frame{frame(1e9+5000, 60, "first"), frame(2e9, 6, "second")}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: frames mismatch (-want +got):\n%s", c.order, diff)
		}
		_, err = readBytes(file[:len(file)-1], nil)
		checkFormat(t, err, "test.pcap", 24+24+5, "ends inside a record: 29 of 30")
	}
}

// TestCase28b_pcap_old reads files of tcpdump before version 2.4 of the format, which
// had the two lengths in the other order.
func TestCase28b_pcap_old(t *testing.T) {
	t.Parallel()
	for _, version := range [][2]uint16{{2, 2}, {2, 3}, {2, 4}, {543, 0}} {
		c := microLE()
		file := cat(c.header(1), c.record(1, 0, 60, "first"), c.record(2, 0, 6, "second"))
		c.PutUint16(file[4:], version[0])
		c.PutUint16(file[6:], version[1])
		if version != [2]uint16{2, 4} {
			for at := 24; at < len(file); at += 16 + int(c.Uint32(file[at+12:])) {
				captured, wire := c.Uint32(file[at+8:]), c.Uint32(file[at+12:])
				c.PutUint32(file[at+8:], wire)
				c.PutUint32(file[at+12:], captured)
			}
		}
		got, err := readBytes(file, nil)
		if err != nil {
			t.Fatalf("version %v: %v", version, err)
		}
		if diff := cmp.Diff([]capture.Frame{frame(1e9, 60, "first"), frame(2e9, 6, "second")}, got); diff != "" {
			t.Errorf("version %v: frames mismatch (-want +got):\n%s", version, diff)
		}
	}
}
