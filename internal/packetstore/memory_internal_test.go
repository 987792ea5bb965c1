package packetstore

import (
	"runtime"
	"testing"
	"time"
)

// mostMemory is what a store may take with 20 interfaces, of which 32 MiB are the buffers and 32 MiB
// the most that the notes of open segments have.
const mostMemory = 80 << 20

// TestMemory holds the bound of memory while 20 interfaces have new flows all the time, more than
// the notes have room for. It does not run beside others, whose memory it would count.
func TestMemory(t *testing.T) {
	const vifs = 20
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	w := newWorld(t, fastDir(t), func(c *Config) {
		c.Memory, c.MaxBytes, c.Segment.Age = 32<<20, 64<<20, 1000*time.Hour
		c.Names = func(iface uint32, _ time.Time) (Holder, bool) { return Holder{Vif: "vif", Name: qubeName(iface)}, true }
	})
	frame := make([]byte, 90)
	var most, notes int64
	for i := range uint64(340_000) {
		iface := uint32(100 + i%vifs)
		udp(frame, iface, i)
		w.Add(&Packet{Iface: iface, At: w.now.UnixNano(), Data: frame, Length: len(frame), LinkType: 1, Flow: info(iface, i), Account: new(Account)})
		w.added++
		notes = max(notes, int64(w.stock.used))
		select {
		case <-w.wake:
			w.turn(false)
		default:
		}
		if w.now = w.now.Add(time.Microsecond); i%50_000 == 0 {
			w.tick()
			most = max(most, heap())
		}
	}
	most = max(most, heap()) - before + int64(len(w.pool.memory)) + scratchSize
	t.Logf("%d interfaces, %d segments open, notes of %.1f MiB at most: %.1f MiB in all", vifs, w.open, float64(notes)/(1<<20), float64(most)/(1<<20))
	if notes < maxNotes/2 || notes > maxNotes {
		t.Errorf("the notes had %d bytes at most; want more than half of their bound of %d, and not more", notes, maxNotes)
	}
	if most > mostMemory {
		t.Errorf("%d bytes are in use; want %d or less", most, mostMemory)
	}
	w.stop()
}

// qubeName returns the name of an interface's qube.
func qubeName(iface uint32) string { return "qube-" + string(rune('a'+iface%26)) }
