package feed_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// everyPort wants all packets.
func everyPort() *feed.Ports {
	ports := new(feed.Ports)
	for port := range 1 << 16 {
		ports.AddTCP(uint16(port))
		ports.AddUDP(uint16(port))
	}
	ports.AddICMP()
	return ports
}

// TestFeed_hostile copies no byte that is not of the frame, whatever its headers
// claim, and counts every packet once.
func TestFeed_hostile(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	ports, q := everyPort(), feed.NewQueue(false)
	fd := feed.New(ports, q)
	var p packet.Packet
	var batch [16]feed.Packet
	wanted := uint64(0)
	for range 200000 {
		proto := []uint8{packet.ProtoTCP, packet.ProtoUDP, packet.ProtoICMP, packet.ProtoICMPv6, packet.ProtoSCTP}[random.IntN(5)]
		body := make([]byte, random.IntN(60))
		for i := range body {
			body[i] = byte(random.UintN(256))
		}
		frame := ip(proto, body)
		if p.Decode(packet.LinkRaw, frame) != packet.OK {
			continue
		}
		if ports.Has(&p) && p.Fragment == packet.FragmentNone {
			wanted++
		}
		fd.Packet(&p, frame)
		for q.Stats().Waiting > 0 {
			for _, c := range batch[:q.Pop(batch[:])] {
				checkPayload(t, &c, body)
			}
		}
	}
	if s := q.Stats(); wanted != s.In+fd.Stats().Malformed || s.In != s.Out {
		t.Errorf("%d packets were wanted; %+v, %+v", wanted, s, fd.Stats())
	}
}

// checkPayload checks that the payload of c is the end of body, and a copy of no
// more.
func checkPayload(t *testing.T, c *feed.Packet, body []byte) {
	t.Helper()
	if len(c.Payload) > len(body) || len(c.Payload) > 0 && !slices.Equal(c.Payload, body[len(body)-len(c.Payload):]) && c.Proto != packet.ProtoUDP {
		t.Fatalf("payload % x of % x", c.Payload, body)
	}
	if c.Proto == packet.ProtoTCP && len(c.Payload) > len(body)-20 {
		t.Fatalf("payload % x begins within the header of % x", c.Payload, body)
	}
	if cap(c.Payload) > len(c.Payload)+16 {
		t.Fatalf("%d bytes have room for %d", len(c.Payload), cap(c.Payload))
	}
}

// TestFeed_unwantedFragment costs nothing where no port of its protocol is wanted.
func TestFeed_unwantedFragment(t *testing.T) {
	frame := ip(packet.ProtoUDP, datagram(5000, 53, 40, "a piece of something long"))
	frame[6] = 0x20
	var p packet.Packet
	p.Decode(packet.LinkRaw, frame)
	ports := new(feed.Ports)
	ports.AddTCP(53)
	fd := feed.New(ports, feed.NewQueue(false))
	if n := testing.AllocsPerRun(100, func() { fd.Packet(&p, frame) }); n != 0 {
		t.Errorf("Packet allocates %v times for a fragment that no analyzer wants; want 0", n)
	}
}

// TestQueue_Close ends a writer and a reader that wait, and drops what comes
// later; what was in the queue is handed out.
func TestQueue_Close(t *testing.T) {
	t.Parallel()
	q := feed.NewQueue(true)
	var waiting sync.WaitGroup
	taken := make(chan bool, 1)
	waiting.Go(func() {
		for q.Push(&feed.Packet{}) { // until it has to wait, and Close comes
		}
		taken <- false
	})
	for q.Stats().Waiting < 8192 { // full: the writer waits, or is about to
	}
	q.Close()
	waiting.Wait()
	<-taken
	if q.Push(&feed.Packet{Payload: make([]byte, 9)}) {
		t.Error("Push = true after Close")
	}
	got, batch := 0, make([]feed.Packet, 1000)
	for n := q.Pop(batch); n > 0; n = q.Pop(batch) {
		got += n
	}
	if s := q.Stats(); got != 8192 || s.In != s.Out+s.Dropped || s.Dropped != 2 || s.Waiting != 0 || s.Bytes != 0 {
		t.Errorf("%d packets were handed out, Stats = %+v; want 8192 and two dropped", got, s)
	}
	q.Close() // again

	empty := feed.NewQueue(false)
	waiting.Go(func() {
		if n := empty.Pop(batch); n != 0 {
			t.Errorf("Pop = %d of an empty queue that is closed", n)
		}
	})
	empty.Close()
	waiting.Wait()
}

// TestQueue_large takes a packet that alone is more than the bound, once.
func TestQueue_large(t *testing.T) {
	t.Parallel()
	for _, blocking := range []bool{false, true} {
		q := feed.NewQueue(blocking)
		if !q.Push(&feed.Packet{Payload: make([]byte, 17<<20)}) {
			t.Errorf("blocking %v: a packet that is larger than the queue was dropped", blocking)
		}
		var one [1]feed.Packet
		if q.Pop(one[:]) != 1 || len(one[0].Payload) != 17<<20 || q.Stats().Bytes != 0 {
			t.Errorf("blocking %v: Stats = %+v", blocking, q.Stats())
		}
	}
}

// TestQueue_shares gives back what an interface held: after a flood has been
// read, the interface may send again.
func TestQueue_shares(t *testing.T) {
	t.Parallel()
	q, batch := feed.NewQueue(false), make([]feed.Packet, 512)
	for round := range 50 {
		taken := push(q, 6, 9000, 100)
		if taken < 4000 {
			t.Fatalf("round %d: %d packets were taken", round, taken)
		}
		for got := 0; got < taken; {
			got += q.Pop(batch)
		}
		if s := q.Stats(); s.Waiting != 0 || s.Bytes != 0 || s.In != s.Out+s.Dropped {
			t.Fatalf("round %d: Stats = %+v", round, s)
		}
	}
}

// TestQueue_concurrent adds up while its counters are read.
func TestQueue_concurrent(t *testing.T) {
	t.Parallel()
	q := feed.NewQueue(false)
	var working sync.WaitGroup
	working.Go(func() {
		for i := range 50000 {
			q.Push(&feed.Packet{Iface: uint32(i % 5), Payload: make([]byte, i%100)})
			if s := q.Stats(); s.In != s.Out+s.Dropped+uint64(s.Waiting) {
				t.Errorf("Stats = %+v do not add up", s)
			}
		}
		q.Close()
	})
	working.Go(func() {
		for batch := make([]feed.Packet, 64); q.Pop(batch) > 0; {
		}
	})
	working.Wait()
}
