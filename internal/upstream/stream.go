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
	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// The limits for one server: queries that wait on a connection, connections, and
// how long an idle connection is kept (RFC 7766 section 6.2.3). Together the
// connections hold four times the queries that one qube may have in flight.
const (
	maxWaiting = 128
	maxStreams = 4
	keepIdle   = 30 * time.Second
)

// streams queries over connections that are kept and shared: queries are pipelined
// and answers come back in any order (RFC 7766 section 6.2.1.1).
type streams struct {
	guard  *guard.Part // may be nil
	places *places
	dial   dialer
	pad    int  // block size of padding (RFC 8467), 0 for none
	secure bool // the connections are authenticated

	slots chan struct{} // one element for each query that waits on a connection

	mu      sync.Mutex
	open    []*stream // guarded by mu
	opening *opening  // guarded by mu: nil if no connection is being opened
}

// opening is a connection that is being opened, for all queries that wait for one.
// stream and err are valid once done is closed.
type opening struct {
	done   chan struct{}
	stream *stream
	err    error
}

// newStreams returns streams without connections.
func newStreams(p *places, dial dialer, pad int, secure bool, part *guard.Part) *streams {
	return &streams{guard: part, places: p, dial: dial, pad: pad, secure: secure, slots: make(chan struct{}, maxWaiting*maxStreams)}
}

// stream is one connection.
type stream struct {
	guard   *guard.Part // may be nil
	conn    net.Conn
	writing sync.Mutex // held while a query is written

	mu      sync.Mutex
	waiting map[uint16]*wait // guarded by mu; by id
	ended   bool             // guarded by mu

	heard atomic.Int64 // time of the last message received, Unix nanoseconds
}

// wait is a query that waits for its answer.
type wait struct {
	sent   []byte
	answer chan []byte // closed without an answer when the connection ends
}

// ask implements asker. If the server has closed a kept connection meanwhile, the
// query is sent once more over a new one, and so it is if the server has other
// addresses than the one that has closed a new connection.
func (s *streams) ask(ctx context.Context, q *Query) (*dnsmsg.Reply, error) {
	select { // a busy server has not failed, so wait for a slot
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return nil, ErrBusy
	}
	msg, fresh, err := s.exchange(ctx, q)
	if errors.Is(err, errLate) && (!fresh || s.places.host != "") {
		msg, _, err = s.exchange(ctx, q)
	}
	if err != nil {
		return nil, err
	}
	p, err := q.readGuarded(s.guard, msg)
	if p != nil && !s.secure {
		p.AD = false // anyone on the path could have set it (RFC 6840 section 5.8)
	}
	return p, err
}

// exchange sends a query over one connection and returns the answer. fresh reports
// whether the connection is new.
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
			s.unheard(c)
			return nil, fresh, errLate
		}
		return msg, fresh, nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && c.heard.Load() < sent.UnixNano() {
			c.end() // nothing at all has arrived since: the connection is broken
			s.places.lost(c.conn.RemoteAddr())
		}
		return nil, fresh, ErrTimeout
	}
}

// unheard lets other addresses of the server be tried before that of a connection
// that has ended before any answer.
func (s *streams) unheard(c *stream) {
	if c.heard.Load() == 0 {
		s.places.lost(c.conn.RemoteAddr())
	}
}

// get returns a connection with room for a query, and whether it is new. If there
// is none, get opens one or waits for the one that is being opened.
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

// connectTime bounds the opening of a connection, including the handshake. No
// query's context does, because several queries may wait for the connection.
const connectTime = 4 * time.Second

// connect opens a connection and wakes all who wait for it.
func (s *streams) connect(o *opening) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTime)
	defer cancel()
	conn, err := s.dialGuarded(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening = nil
	if o.err = err; err != nil {
		o.err = fmt.Errorf("connecting: %w", err)
	} else {
		o.stream = &stream{guard: s.guard, conn: conn, waiting: map[uint16]*wait{}}
		s.open = append(s.open, o.stream)
		go o.stream.read()
	}
	close(o.done)
}

// dialGuarded is dial, with a panic as an error: a server sends much before the
// first answer if TLS is used.
func (s *streams) dialGuarded(ctx context.Context) (conn net.Conn, err error) {
	err = guarded(s.guard, nil, func() (err error) {
		conn, err = try(ctx, s.places, s.dial, closeConn)
		return err
	})
	return conn, err
}

// roomiest returns the connection with the fewest queries, nil if none has room. It
// is called with mu held.
func (s *streams) roomiest() (best *stream) {
	least := maxWaiting
	for _, c := range s.open {
		if n := c.load(); n < least {
			best, least = c, n
		}
	}
	return best
}

// close implements asker. It closes all connections.
func (s *streams) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.open {
		c.end()
	}
	s.open = nil
}

// over reports whether the connection has ended.
func (c *stream) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// load returns the number of queries that wait on the connection, maxWaiting if it
// has ended.
func (c *stream) load() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return maxWaiting
	}
	return len(c.waiting)
}

// register packs a query with an id that is unused on the connection.
func (c *stream) register(q *Query, pad int) (uint16, *wait, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return 0, nil, errLate
	}
	if len(c.waiting) >= 2*maxWaiting { // other queries took the room meanwhile
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

// forget removes a query whose answer is no longer awaited.
func (c *stream) forget(id uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// send writes the length and the message in one call (RFC 7766 section 8).
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

// read delivers the answers until the connection ends.
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
		if guarded(c.guard, msg, func() error { return c.deliver(msg) }) != nil {
			return
		}
	}
}

// errOutOfStep closes a connection whose server has sent something else than answers.
var errOutOfStep = errors.New("the server is out of step with the queries")

// deliver passes an answer to the query that waits for it, and drops one that is no
// longer awaited. An error means that the connection is not usable any more: an answer
// to another question than the one sent closes it.
func (c *stream) deliver(msg []byte) error {
	if len(msg) < dnsmsg.HeaderSize {
		return errOutOfStep
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id := binary.BigEndian.Uint16(msg)
	w := c.waiting[id]
	if w == nil {
		return nil
	}
	if !dnsmsg.Matches(msg, w.sent) && !dnsmsg.Bare(msg, w.sent) {
		return errOutOfStep
	}
	delete(c.waiting, id)
	w.answer <- msg
	return nil
}

// end closes the connection and wakes all queries that wait on it.
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
