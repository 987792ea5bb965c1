//go:build linux

package dropin_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/wire"
)

// nestingBytes is how long the nested messages are: less than the ten MiB that the
// analyzers keep of a message.
const nestingBytes = 6 << 20

// nestingTime bounds the reading of one: some analyzers start over with each
// segment.
const nestingTime = 15 * time.Second

// nested are messages with values in values in values. The analyzers that read
// them by recursion have a stack of 1 GB at most, and a beat that uses more of it
// ends; it is no panic.
var nested = []struct {
	protocol string
	port     uint16
	client   bool
	data     func() []byte
}{
	{"redis", 6379, true, func() []byte { return bytes.Repeat([]byte("*1\r\n"), nestingBytes/4) }},
	{"thrift", 9090, true, func() []byte {
		call := []byte{0x80, 1, 0, 1, 0, 0, 0, 4, 'p', 'i', 'n', 'g', 0, 0, 0, 1}
		return append(call, bytes.Repeat([]byte{12, 0, 1}, nestingBytes/3)...) // the first field is a struct
	}},
	{"mongodb", 27017, false, func() []byte {
		doc := bson(nestingBytes / 8)
		return append(littleWords(uint32(36+len(doc)), 1, 1, 1, 0, 0, 0, 0, 1), doc...)
	}},
	{"amqp", 5672, true, func() []byte {
		table := amqpTable(nestingBytes / 7)
		args := append([]byte{0, 50, 0, 10, 0, 0, 1, 'q', 0}, table...) // queue.declare
		frame := binary.BigEndian.AppendUint32([]byte{1, 0, 1}, uint32(len(args)))
		return append(append(frame, args...), 0xce)
	}},
}

// bson returns a document in a document in a document (bsonspec.org).
func bson(depth int) (b []byte) {
	for level := range depth {
		b = binary.LittleEndian.AppendUint32(b, uint32(5+8*(depth-level)))
		b = append(b, 3, 'a', 0)
	}
	b = append(b, 5, 0, 0, 0, 0)
	return append(b, make([]byte, depth)...)
}

// amqpTable returns a table in a table in a table (AMQP 0-9-1 section 4.2.5.5).
func amqpTable(depth int) (b []byte) {
	for level := range depth {
		b = binary.BigEndian.AppendUint32(b, uint32(7*(depth-level)))
		b = append(b, 1, 'a', 'F')
	}
	return append(b, 0, 0, 0, 0)
}

// TestHostile_nesting gives the analyzers values that are nested more deeply than
// anybody's.
func TestHostile_nesting(t *testing.T) {
	require(t)
	t.Parallel()
	const segment = 60_000
	for _, tt := range nested {
		var said []message
		for data := tt.data(); len(data) > 0; data = data[min(segment, len(data)):] {
			said = append(said, message{FromClient: tt.client, Data: data[:min(segment, len(data))]})
		}
		w := wire.New(t)
		probe(w)
		w.TCP(tt.port, said)
		probe(w)
		path := w.Close()
		t.Run(tt.protocol, func(t *testing.T) {
			begin := time.Now()
			b := replay(t, ours, onlyFlows+runner.AllProtocols+outputFile, path, nestingTime)
			t.Logf("qubesbeat: status %d after %.1fs, given up: %v, %s, %d MiB", exitCode(b.Err()), time.Since(begin).Seconds(), b.late,
				panicLine(b), b.Peak()>>20)
			if b.late {
				return // replay has said so
			}
			if b.Err() != nil {
				t.Fatalf("qubesbeat ended with %v in %s", b.Err(), b.where())
			}
			if b.Peak() > sweepMemory {
				t.Errorf("%d MiB of memory; want at most %d", b.Peak()>>20, uint64(sweepMemory)>>20)
			}
			if n := len(b.Events(t).Filter(isProbe)); n != 2 {
				t.Errorf("%d of 2 probes analyzed", n)
			}
		})
	}
}
