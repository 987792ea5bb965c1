package upstream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// Limits of a connection: how many queries wait on it at a time, how many
// connections there are, and how long an idle one is kept (RFC 7766 section 6.2.3).
const (
	maxWaiting = 64
	maxStreams = 2
	keepIdle   = 30 * time.Second
)

// streams asks over connections that are kept and shared: queries go out as they
// come and answers come back in any order (RFC 7766 section 6.2.1.1).
type streams struct {
	dial func(ctx context.Context) (net.Conn, error)
	pad  int // RFC 8467, on encrypted connections

	mu   sync.Mutex
	open []*stream // guarded by mu
}

// stream is one connection.
type stream struct {
	conn    net.Conn
	writing sync.Mutex

	mu      sync.Mutex
	waiting map[uint16]*wait // guarded by mu
	ended   bool             // guarded by mu
	used    bool             // guarded by mu: it has brought an answer
}

type wait struct {
	sent   []byte
	answer chan []byte // closed without an answer when the connection ends
}

// ask sends a query. A kept connection that the server has closed meanwhile is
// replaced, and the query sent once more.
func (s *streams) ask(ctx context.Context, q *Query) (*dnsmsg.Reply, error) {
	msg, fresh, err := s.exchange(ctx, q)
	if errors.Is(err, errLate) && !fresh {
		msg, _, err = s.exchange(ctx, q)
	}
	if err != nil {
		return nil, err
	}
	return q.read(msg)
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
		return nil, fresh, ErrTimeout
	}
}

// get returns a connection with room, and whether it is new.
func (s *streams) get(ctx context.Context) (*stream, bool, error) {
	s.mu.Lock()
	kept := s.open[:0]
	for _, c := range s.open {
		if !c.over() {
			kept = append(kept, c)
		}
	}
	s.open = kept
	for _, c := range s.open {
		if c.room() {
			s.mu.Unlock()
			return c, false, nil
		}
	}
	full := len(s.open) >= maxStreams
	s.mu.Unlock()
	if full {
		return nil, false, ErrBusy
	}
	conn, err := s.dial(ctx)
	if err != nil {
		return nil, true, fmt.Errorf("connecting: %w", err)
	}
	c := &stream{conn: conn, waiting: map[uint16]*wait{}}
	go c.read()
	s.mu.Lock()
	s.open = append(s.open, c)
	s.mu.Unlock()
	return c, true, nil
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

func (c *stream) room() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.ended && len(c.waiting) < maxWaiting
}

// register packs a query under an id that is free on the connection.
func (c *stream) register(q *Query, pad int) (uint16, *wait, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return 0, nil, errLate
	}
	if len(c.waiting) >= maxWaiting {
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
	c.used = true
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
