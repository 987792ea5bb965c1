package analyzer

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// attack is what a hostile qube sends to the port of one analyzer.
type attack struct {
	name, protocols, why string
	udp                  bool
	data                 []string
	times                int // how often the last of data is sent; 0 means once
	fatal                bool
}

// attacks are inputs against which recover does not help: the runtime ends the process
// if memory or the stack is exhausted.
func attacks() []attack {
	le := func(words ...uint32) (b string) {
		for _, w := range words {
			b += string(binary.LittleEndian.AppendUint32(nil, w))
		}
		return b
	}
	be := func(words ...uint32) (b string) {
		for _, w := range words {
			b += string(binary.BigEndian.AppendUint32(nil, w))
		}
		return b
	}
	mongo := le(36, 1, 0, 1, 0, 0, 0, 0, 0x7fffffff) // OP_REPLY, 2^31-1 documents
	// A call of NFS 3 with the credentials AUTH_SYS, in 2^32-1 groups (RFC 5531 section 14).
	call := be(1, 0, 2, 100003, 3, 1, 1, 20, 0, 0, 0, 0, 0xffffffff) + be(0, 0, 0, 0, 0, 0, 0, 0)
	nfs := be(0x80000000|uint32(len(call))) + call
	return []attack{
		{"redis, an array of 10^11 elements", "{type: redis, ports: [80]}",
			"redis makes room for as many elements as an array announces", false, []string{"*100000000000\r\n$1\r\na\r\n"}, 0, true},
		{"redis, nested arrays", "{type: redis, ports: [80]}",
			"redis descends into arrays without a bound; a stack of 1 GB is the end of the process", false,
			[]string{strings.Repeat("*1\r\n", 15000)}, 170, true},
		{"mongodb, 2^31-1 documents", "{type: mongodb, ports: [80]}",
			"mongodb makes room for as many documents as a reply announces", false, []string{mongo}, 0, true},
		{"nfs, 2^32-1 groups", "{type: nfs, ports: [80]}",
			"nfs makes room for as many groups as a call announces", false, []string{nfs}, 0, true},
		{"thrift, nested lists", "{type: thrift, ports: [80]}",
			"thrift descends into lists without a bound", false,
			[]string{"\x80\x01\x00\x01\x00\x00\x00\x01a\x00\x00\x00\x00\x0f\x00\x01", strings.Repeat("\x0f\x00\x00\x00\x01", 12000)}, 165, true},
		{"memcache, half a header twice: the first is a panic, the second has a timer", "{type: memcache, ports: [80], udptransactiontimeout: 1ms}", "", true,
			[]string{"\x00\x03\x00\x00\x00\x01\x00q\x80\x16\xb4\x03T" + strings.Repeat("\x00", 6) + "\x17\x00\x03" + strings.Repeat("\x00", 15)}, 2, false},
		{"memcache, a timer with half a message", "{type: memcache, ports: [80], udptransactiontimeout: 1ms}", "", true,
			[]string{"\x00\x01\x00\x00\x00\x02\x00\x00get a\r\n"}, 0, false},
		{"pgsql, a message of no length", "{type: pgsql, ports: [80]}", "pgsql goes on by the length, for ever", false,
			[]string{"\x00\x00\x00\x00\x00\x03\x00\x00\x2e"}, 0, true},
	}
}

// TestMain lets the tests of the whole path start the analyzers' process: this
// program.
func TestMain(m *testing.M) {
	if IsChild() {
		os.Exit(Main())
	}
	os.Exit(m.Run())
}

// TestService_hostile plays each attack from one qube. The process of the analyzers
// may crash; another qube's requests before and after are reported nevertheless.
func TestService_hostile(t *testing.T) {
	t.Parallel()
	for _, at := range attacks() {
		t.Run(at.name, func(t *testing.T) {
			t.Parallel()
			s := startService(t, at.protocols+"\n{type: http, ports: [8080]}", 16<<20)
			s.playTransaction("10.137.0.9:5000")
			at.play(s)
			s.playTransaction("10.137.0.9:5001")
			events, m := s.stop()
			if n := len(events); n != 2 {
				t.Errorf("%d transactions of another qube; want 2", n)
			}
			t.Logf("crashes %d, panics %d, slow %d, quarantined %d", m["failures"], m["panics"], m["slow"], m["quarantined"])
			if m["lost"] != 0 || m["failures_none"] != 0 {
				t.Errorf("%v; want every crash at a packet, and nothing lost", m)
			}
			if at.fatal && m["failures_"+at.protocol()] == 0 && m["slow"] == 0 {
				t.Error("the attack has ended nothing: it proves nothing any more")
			}
		})
	}
}

// protocol is the first that the attack is for.
func (at *attack) protocol() string {
	name, _, _ := strings.Cut(strings.TrimPrefix(at.protocols, "{type: "), ",")
	return name
}

// play sends the attack.
func (at *attack) play(s *startedService) {
	seq := uint32(1)
	send := func(data string) {
		p := newTCP(work, server, packet.ACK, seq, data)
		if at.udp {
			p = newUDP(work, server, data)
		}
		seq += uint32(len(data))
		s.observe(p)
	}
	for i, data := range at.data {
		times := 1
		if i == len(at.data)-1 {
			times = max(at.times, 1)
		}
		for range times {
			send(data)
		}
	}
}
