//go:build linux

package dropin_test

import (
	"encoding/binary"
	"testing"

	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/wire"
)

// words returns numbers as RPC writes them (RFC 4506 section 4.1).
func words(all ...uint32) (b []byte) {
	for _, n := range all {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// littleWords returns numbers as MongoDB writes them.
func littleWords(all ...uint32) (b []byte) {
	for _, n := range all {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}

// most is the largest number of many things that a signed field can hold.
const most = 1<<31 - 1

// bombs are single messages that announce more parts than any memory holds. The
// analyzers make room for them before they look for the first one. There is no
// recovery from that in Go: it is no panic.
var bombs = []struct {
	protocol, what string
	port           uint16
	said           []message
}{
	// An OP_REPLY with so many documents (mongodb_parser.go: make([]interface{}, numberReturned)).
	{"mongodb", "2^31-1 documents", 27017, []message{{Data: littleWords(36, 1, 1, 1, 0, 0, 0, 0, most)}}},
	// A call with AUTH_UNIX and so many groups (xdr.go: make([]uint32, int(l))).
	{"nfs", "2^32-1 groups", 2049, []message{{FromClient: true, Data: words(1<<31|64, 1, 0, 2, 100003, 4, 1, 1, 20, 0, 0, 0, 0, 1<<32-1, 0, 0, 0)}}},
	// An array (redis_parse.go: make([][]byte, 0, count)).
	{"redis", "10^9 strings", 6379, []message{{FromClient: true, Data: []byte("*1000000000\r\n$4\r\nPING\r\n")}}},
	// A RESULT of PREPARE, version 4 (frame.go: make([]int, pkeyCount)).
	{"cassandra", "2^31-1 key columns", 9042, []message{
		{FromClient: true, Data: append([]byte{4, 0, 0, 0, 9, 0, 0, 0, 8}, "\x00\x00\x00\x04text"...)},
		{Data: append([]byte{0x84, 0, 0, 0, 8, 0, 0, 0, 19}, append(words(4), append([]byte{0, 1, 'x'}, words(0, 0, most)...)...)...)},
	}},
}

// TestHostile_allocation announces more than there is. It must cost a connection
// and not the beat.
func TestHostile_allocation(t *testing.T) {
	require(t)
	t.Parallel()
	for _, tt := range bombs {
		w := wire.New(t)
		probe(w)
		w.TCP(tt.port, tt.said)
		probe(w)
		path := w.Close()
		for _, p := range []program{theirs, ours} {
			t.Run(tt.protocol+"/"+p.name, func(t *testing.T) {
				b := replay(t, p, onlyFlows+runner.AllProtocols+outputFile, path, replayTime)
				t.Logf("%s, after a message that announces %s: status %d, %s, %d MiB", p.name, tt.what, exitCode(b.Err()), panicLine(b), b.Peak()>>20)
				if p.name == theirs.name {
					return
				}
				if b.Err() != nil {
					t.Fatalf("qubesbeat ended with %v in %s", b.Err(), b.where())
				}
				if n := len(b.Events(t).Filter(isProbe)); n != 2 {
					t.Errorf("%d of 2 probes analyzed", n)
				}
			})
		}
	}
}
