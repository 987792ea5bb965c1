package upstream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// Limits of a connection: how many queries wait on it at a time, how many
// connections there are, and how long an idle one is kept (RFC 7766 section 6.2.3).
// Together they hold four times what one qube may have under way.
const (
	maxWaiting = 128
	maxStreams = 4
	keepIdle   = 30 * time.Second
)

// streams asks over connections that are kept and shared: queries go out as they
// come and answers come back in any order (RFC 7766 section 6.2.1.1).
type streams struct {
	dial   func(ctx context.Context) (net.Conn, error)
	pad    int  // RFC 8467, on encrypted connections
	secure bool // the server has proved who it is

	slots chan struct{} // one for each query that waits on a connection

	mu      sync.Mutex
	open    []*stream // guarded by mu
	opening *opening  // guarded by mu: nil while no connection is being made
}

// opening is a connection that is being made, for all who wait for one.
type opening struct {
	done   chan struct{}
	stream *stream
	err    error
}

func newStreams(dial dialer, pad int, secure bool) *streams {
	return &streams{dial: dial, pad: pad, secure: secure, slots: make(chan struct{}, maxWaiting*maxStreams)}
}

// stream is one connection.
type stream struct {
	conn    net.Conn
	writing sync.Mutex

	mu      sync.Mutex
	waiting map[uint16]*wait // guarded by mu
	ended   bool             // guarded by mu

	heard atomic.Int64 // when something came last, Unix nanoseconds
}

type wait struct {
	sent   []byte
	answer chan []byte // closed without an answer when the connection ends
}

// ask sends a query. A kept connection that the server has closed meanwhile is
// replaced, and the query sent once more.
func (s *streams) ask(ctx context.Context, q *Query) (*dnsmsg.Reply, error) {
	select { // a full server is no faulty one: whoever comes waits
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return nil, ErrBusy
	}
	msg, fresh, err := s.exchange(ctx, q)
	if errors.Is(err, errLate) && !fresh {
		msg, _, err = s.exchange(ctx, q)
	}
	if err != nil {
		return nil, err
	}
	p, err := q.read(msg)
	if p != nil && !s.secure {
		p.AD = false // anybody on the way could have set it (RFC 6840 section 5.8)
	}
	return p, err
}

func (s *streams) exchange(ctx context.Context, q *Query) (msg []byte, fresh bool, err error) {
	c, fresh, err := s.get(ctx)
	if err != nil {
		return nil, fresh, err
	}
	id, w, err := c.register(q, s.pad)
	if err != nil {
		return nil, fresh, err
	}
	defer c.forget(id)
	sent := time.Now()
	if err := c.send(ctx, w.sent); err != nil {
		c.end()
		return nil, fresh, errLate
	}
	select {
	case msg, ok := <-w.answer:
		if !ok {
			return nil, fresh, errLate
		}
		return msg, fresh, nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && c.heard.Load() < sent.UnixNano() {
			c.end() // nothing at all has come since: the way there is broken
		}
		return nil, fresh, ErrTimeout
	}
}

// get returns a connection with room, and whether it is new. Those who find none
// wait for the one that is being made.
func (s *streams) get(ctx context.Context) (c *stream, fresh bool, err error) {
	for {
		s.mu.Lock()
		s.open = slices.DeleteFunc(s.open, (*stream).over)
		if c := s.roomiest(); c != nil {
			s.mu.Unlock()
			return c, fresh, nil
		}
		o := s.opening
		if o == nil {
			o = &opening{done: make(chan struct{})}
			s.opening = o
			go s.connect(o)
		}
		s.mu.Unlock()
		fresh = true
		select {
		case <-o.done:
			if o.err != nil {
				return nil, true, o.err
			}
		case <-ctx.Done():
			return nil, true, ErrTimeout
		}
	}
}

// connectTime bounds the making of a connection, handshake included. It is not
// bound to one query: others wait for it, too.
const connectTime = 4 * time.Second

func (s *streams) connect(o *opening) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTime)
	defer cancel()
	conn, err := s.dial(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening = nil
	if o.err = err; err != nil {
		o.err = fmt.Errorf("connecting: %w", err)
	} else {
		o.stream = &stream{conn: conn, waiting: map[uint16]*wait{}}
		s.open = append(s.open, o.stream)
		go o.stream.read()
	}
	close(o.done)
}

// roomiest returns the connection with the fewest queries that has room, nil for
// none. It is called with mu held.
func (s *streams) roomiest() (best *stream) {
	least := maxWaiting
	for _, c := range s.open {
		if n := c.load(); n < least {
			best, least = c, n
		}
	}
	return best
}

// close ends all connections.
func (s *streams) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.open {
		c.end()
	}
	s.open = nil
}

func (c *stream) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// load returns how many queries wait on the connection.
func (c *stream) load() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return maxWaiting
	}
	return len(c.waiting)
}

// register packs a query under an id that is free on the connection.
func (c *stream) register(q *Query, pad int) (uint16, *wait, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return 0, nil, errLate
	}
	if len(c.waiting) >= 2*maxWaiting { // somebody else took the room meanwhile
		return 0, nil, ErrBusy
	}
	id := newID()
	for c.waiting[id] != nil {
		id = newID()
	}
	w := &wait{sent: q.pack(id, true, nil, pad), answer: make(chan []byte, 1)}
	c.waiting[id] = w
	return id, w, nil
}

func (c *stream) forget(id uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// send writes length and message at once (RFC 7766 section 8).
func (c *stream) send(ctx context.Context, msg []byte) error {
	frame := append(binary.BigEndian.AppendUint16(make([]byte, 0, len(msg)+2), uint16(len(msg))), msg...)
	c.writing.Lock()
	defer c.writing.Unlock()
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.conn.SetWriteDeadline(deadline)
	}
	_, err := c.conn.Write(frame)
	return err
}

// read hands out the answers until the connection ends.
func (c *stream) read() {
	defer c.end()
	var head [2]byte
	for {
		_ = c.conn.SetReadDeadline(time.Now().Add(keepIdle))
		if _, err := io.ReadFull(c.conn, head[:]); err != nil {
			return
		}
		msg := make([]byte, binary.BigEndian.Uint16(head[:]))
		if _, err := io.ReadFull(c.conn, msg); err != nil {
			return
		}
		c.heard.Store(time.Now().UnixNano())
		if !c.deliver(msg) {
			return // a server that answers what it was not asked has lost its way
		}
	}
}

// deliver hands an answer to who waits for it. One whose waiter has gone is
// dropped; one that was never asked for is not forgiven.
func (c *stream) deliver(msg []byte) bool {
	if len(msg) < dnsmsg.HeaderSize {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id := binary.BigEndian.Uint16(msg)
	w := c.waiting[id]
	if w == nil {
		return true
	}
	if !dnsmsg.Matches(msg, w.sent) && !dnsmsg.Bare(msg, w.sent) {
		return false
	}
	delete(c.waiting, id)
	w.answer <- msg
	return true
}

// end closes the connection and lets go who waits.
func (c *stream) end() {
	_ = c.conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	for id, w := range c.waiting {
		close(w.answer)
		delete(c.waiting, id)
	}
}
