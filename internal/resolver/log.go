package resolver

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// Entry is what there is to tell of a query.
type Entry struct {
	Outcome
	At       int64 // when it came: nanoseconds since the Unix epoch
	Duration int64 // until it was answered, in nanoseconds
	From     netip.AddrPort
	Local    netip.AddrPort // where it was sent to
	Iface    uint32         // index of the interface, 0 where not known
	TCP      bool
	ID       uint16
	Flags    uint16
	Opcode   uint8
	Type     dnsmsg.Type
	Class    dnsmsg.Class
	EDNS     bool
	DO       bool
	ECS      bool
	UDPSize  uint16
	Version  uint64 // of the policy
	View     string
	Qube     *qube.Qube // nil where nobody knows
	Size     int        // of the query
	ReplyLen int        // of the answer
	Count    uint32     // of queries that this tells of: more than 1 for those over the rate

	// Name is that of the question as the client wrote it, nil where it could not
	// be read; Reply is the answer, without what is beyond [MaxReply]. Both are valid
	// until the entry is used again by [Log.Pop].
	Name, Reply []byte

	buf     []byte
	nameLen int
}

// MaxReply is how much of an answer goes into an entry.
const MaxReply = 2048

// Log is the room between those who answer and who writes down what they did.
// Nobody waits: an entry that finds no room is counted. It is safe for concurrent
// use.
type Log struct {
	mu     sync.Mutex
	ring   []Entry // guarded by mu, as head and n
	head   int
	n      int
	closed bool
	wake   chan struct{}

	in, dropped atomic.Uint64
	nudged      atomic.Bool
}

// NewLog returns a log with room for so many entries, of some 500 bytes each.
func NewLog(size int) *Log {
	return &Log{ring: make([]Entry, size), wake: make(chan struct{}, 1)}
}

// LogStats counts queries: In = what Pop has given out + Dropped + Waiting.
type LogStats struct{ In, Dropped, Waiting uint64 }

// Stats returns the counters.
func (l *Log) Stats() LogStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return LogStats{l.in.Load(), l.dropped.Load(), uint64(l.n)}
}

// put takes a note. It copies what it needs.
func (l *Log) put(r *request, reply []byte, count uint32) {
	took := max(0, time.Now().UnixNano()-r.at)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in.Add(uint64(count))
	if l.n == len(l.ring) || l.closed {
		l.dropped.Add(uint64(count))
		return
	}
	e := &l.ring[(l.head+l.n)%len(l.ring)]
	l.n++
	buf := append(append(e.buf[:0], r.q.Name...), reply[:min(len(reply), MaxReply)]...)
	*e = Entry{Outcome: r.out, At: r.at, Duration: took, From: r.from, Local: r.local, Iface: r.iface, TCP: r.tcp, ID: r.q.ID,
		Flags: r.q.Flags, Opcode: r.q.Opcode, Type: r.q.Type, Class: r.q.Class, EDNS: r.q.EDNS, DO: r.q.DO, ECS: r.q.ECS, UDPSize: r.q.UDPSize,
		Version: r.snap.Version, View: r.client.Policy.View, Qube: r.client.Qube, Size: r.size, ReplyLen: len(reply), Count: count, buf: buf, nameLen: len(r.q.Name)}
	if l.n == 1 || l.n == len(l.ring)/2 {
		l.signal()
	}
}

// Pop waits for entries, or for Wake, and moves what there is into batch. more is
// false when the log is closed and empty. Only one goroutine may call it.
func (l *Log) Pop(batch []Entry) (n int, more bool) {
	for {
		l.mu.Lock()
		for n < len(batch) && l.n > 0 {
			e := &l.ring[l.head]
			batch[n], *e = *e, Entry{buf: batch[n].buf}
			l.head = (l.head + 1) % len(l.ring)
			l.n--
			n++
		}
		closed := l.closed && l.n == 0
		l.mu.Unlock()
		for i := range batch[:n] {
			batch[i].split()
		}
		if n > 0 || closed {
			return n, !closed
		}
		<-l.wake
		if l.nudged.Swap(false) {
			return 0, true
		}
	}
}

// Wake lets Pop return without an entry.
func (l *Log) Wake() {
	l.nudged.Store(true)
	l.signal()
}

func (l *Log) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// split finds name and reply in the buffer.
func (e *Entry) split() {
	e.Name, e.Reply = e.buf[:e.nameLen], e.buf[e.nameLen:]
}

// Close lets Pop return 0 when everything has been taken.
func (l *Log) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.signal()
}
