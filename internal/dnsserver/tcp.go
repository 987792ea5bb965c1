package dnsserver

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Times and numbers of a connection (RFC 7766 section 6.2).
const (
	messageTimeout = 2 * time.Second  // for the first query, and for the rest of one that has begun
	idleTimeout    = 10 * time.Second // between queries
	writeTimeout   = 2 * time.Second
	maxPending     = 64 // queries of one connection that wait for their answers
	acceptDelay    = 50 * time.Millisecond
)

// Sizes of a message, in bytes. Less than a header has no question; even a query
// with all options is smaller than the largest.
const (
	minMessage = 12
	maxMessage = 8192
)

// accept takes connections until ctx ends.
func (s *Server) accept(ctx context.Context, l net.Listener) {
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			s.admit(ctx, c)
		case errors.Is(err, net.ErrClosed):
			return
		default: // mostly too many open files
			select {
			case <-time.After(acceptDelay):
			case <-ctx.Done():
			}
		}
	}
}

// admit serves a connection if the limits allow it.
func (s *Server) admit(ctx context.Context, c net.Conn) {
	from := unmap(c.RemoteAddr().(*net.TCPAddr).AddrPort())
	if !s.conns.enter(from.Addr(), s.conf.MaxConns, s.conf.MaxConnsPerClient) {
		s.stats.refused.Add(1)
		_ = c.Close()
		return
	}
	t := &tcpConn{server: s, conn: c, session: s.conf.Handler.NewSession(), pending: make(chan struct{}, maxPending),
		query: Query{Arrival: Arrival{From: from, Local: unmap(c.LocalAddr().(*net.TCPAddr).AddrPort()), TCP: true}}}
	t.query.via = t
	s.running.Go(func() {
		defer s.conns.leave(from.Addr())
		defer context.AfterFunc(ctx, func() { _ = c.Close() })()
		t.serve()
	})
}

// tcpConn is the connection of a client. Answers are sent when they are ready, in
// any order (RFC 7766 section 7).
type tcpConn struct {
	server  *Server
	conn    net.Conn
	session Session
	query   Query         // used again for every message
	pending chan struct{} // one for each query without an answer
	waiting sync.WaitGroup
	writing sync.Mutex
}

// serve reads queries until the client hangs up, is idle or breaks the protocol.
func (t *tcpConn) serve() {
	defer t.conn.Close()
	defer t.waiting.Wait()
	in := bufio.NewReaderSize(t.conn, 4096)
	var buf []byte
	for timeout := messageTimeout; !t.server.tcp.Stopped(); timeout = idleTimeout {
		msg, err := t.read(in, buf, timeout)
		if err != nil {
			return
		}
		t.handle(msg)
		buf = msg
	}
}

// errSize is a length that no query has.
var errSize = errors.New("dnsserver: length of the message")

// read reads a message into buf, or into a larger one. The first byte may take
// timeout.
func (t *tcpConn) read(in *bufio.Reader, buf []byte, timeout time.Duration) ([]byte, error) {
	_ = t.conn.SetReadDeadline(time.Now().Add(timeout))
	var head [2]byte
	if _, err := io.ReadFull(in, head[:1]); err != nil {
		return nil, err
	}
	_ = t.conn.SetReadDeadline(time.Now().Add(messageTimeout))
	if _, err := io.ReadFull(in, head[1:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(head[:]))
	if n < minMessage || n > maxMessage {
		return nil, errSize
	}
	if cap(buf) < n {
		buf = make([]byte, max(n, 512))
	}
	_, err := io.ReadFull(in, buf[:n])
	return buf[:n], err
}

// handle has a query answered. It waits if the client has too many under way.
func (t *tcpConn) handle(msg []byte) {
	t.pending <- struct{}{}
	t.waiting.Add(1)
	t.server.stats.tcp.Add(1)
	t.query.Msg, t.query.Size, t.query.At = msg, len(msg), t.server.conf.Clock().UnixNano()
	var reply []byte
	done := true
	if t.server.tcp.Do(func() []byte { return msg }, func() {
		reply, done = t.session.Handle(&t.query, make([]byte, 0, ReplyRoom))
	}) != nil {
		_ = t.server.tcp.Do(nil, func() { t.session.Failed(&t.query) })
		reply = appendServFail(nil, msg)
	}
	if done {
		t.Respond(reply)
	}
}

// deferred implements deferrer.
func (t *tcpConn) deferred() Responder { return t }

// Respond implements [Responder].
func (t *tcpConn) Respond(reply []byte) {
	t.write(reply)
	<-t.pending
	t.waiting.Done()
}

// write sends length and message in one segment. The connection of a client that
// does not read is closed.
func (t *tcpConn) write(reply []byte) {
	if len(reply) == 0 {
		return
	}
	frame := binary.BigEndian.AppendUint16(make([]byte, 0, len(reply)+2), uint16(len(reply)))
	frame = append(frame, reply...)
	t.writing.Lock()
	defer t.writing.Unlock()
	_ = t.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := t.conn.Write(frame); err != nil {
		t.server.stats.unsent.Add(1)
		_ = t.conn.Close()
	}
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
