package nflog

import (
	"cmp"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// TestMessage_parse parses messages of a real kernel, from a capture of NFLOG.
func TestMessage_parse(t *testing.T) {
	t.Parallel()
	path := filepath.Join(cmp.Or(os.Getenv("QUBESBEAT_SHARED"), "../../../shared"), "fixtures", "kernel-log", "nflog-sample.pcap")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("no sample: %v; QUBESBEAT_SHARED names the folder", err)
	}
	var got []string
	for rest := data[24:]; len(rest) >= 16; { // after the header of the file
		size := binary.LittleEndian.Uint32(rest[8:])
		var m Message
		if err := m.parse(rest[16 : 16+size]); err != nil {
			t.Fatal(err)
		}
		got = append(got, string(m.Prefix))
		if m.Hook != 2 || m.In != 3 && m.In != 6 || m.Out != 2 || m.Payload[0] != 0x45 {
			t.Errorf("message = %+v", m)
		}
		rest = rest[16+size:]
	}
	if len(got) != 2 || got[0] != "qb:new" {
		t.Errorf("prefixes = %q", got)
	}
}

// TestMessage_parse_bad checks that invalid lengths are refused.
func TestMessage_parse_bad(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"nothing": nil, "truncated": {0, 0, 0}, "no payload": {0, 0, 0, 53},
		"attribute beyond the end": {0, 0, 0, 53, 255, 0, 9, 0, 1, 2, 3, 4},
		"attribute without a head": {0, 0, 0, 53, 3, 0, 9, 0, 1, 2, 3, 4},
	} {
		if err := new(Message).parse(data); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzMessage_parse(f *testing.F) {
	f.Add([]byte{0, 0, 0, 53, 8, 0, 1, 0, 8, 0, 2, 0, 8, 0, 4, 0, 0, 0, 0, 8, 5, 0, 9, 0, 0x45, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var m Message
		if m.parse(data) == nil && len(m.Payload)+len(m.Prefix) > len(data) {
			t.Errorf("%x gives %+v", data, m)
		}
	})
}

// TestMessage_parse_time reads the time of a packet that the kernel has stamped.
func TestMessage_parse_time(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		seconds, micros uint64
		want            int64
	}{
		"stamped":            {1764333253, 622001, 1764333253622001000},
		"nonsense":           {1 << 60, 0, 0},
		"a second in micros": {1, 1e6, 0},
	} {
		data := binary.NativeEndian.AppendUint16([]byte{0, 0, 0, 53}, 20)
		data = binary.NativeEndian.AppendUint16(data, attrTime)
		data = binary.BigEndian.AppendUint64(data, c.seconds)
		data = binary.BigEndian.AppendUint64(data, c.micros)
		data = binary.NativeEndian.AppendUint16(data, 5)
		data = binary.NativeEndian.AppendUint16(data, attrPayload)
		var m Message
		if err := m.parse(append(data, 0x45)); err != nil || m.Time != c.want {
			t.Errorf("%s: time %d, %v; want %d", name, m.Time, err, c.want)
		}
	}
}
