package resolver

import (
	"bufio"
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
	firstByte   = 2 * time.Second  // for the first query, and for the rest of one that has begun
	idle        = 10 * time.Second // between queries
	writeTime   = 2 * time.Second
	maxPerConn  = 64 // queries that wait at a time
	acceptPause = 50 * time.Millisecond
)

// accept takes connections until the listener is closed.
func (s *Resolver) accept(l net.Listener, all *sync.WaitGroup) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // too many open files, mostly
			time.Sleep(acceptPause)
			continue
		}
		from := c.RemoteAddr().(*net.TCPAddr).AddrPort()
		from = unmap(from)
		p := s.peers.get(from.Addr())
		if !enter(&p.conns, s.conf.Limits.QubeTCP) {
			s.stats.tcpRefused.Add(1)
			_ = c.Close()
			continue
		}
		if !enter(&s.conns, s.conf.Limits.TCP) {
			p.conns.Add(-1)
			s.stats.tcpRefused.Add(1)
			_ = c.Close()
			continue
		}
		t := &tcpConn{res: s, conn: c, from: from, local: unmap(c.LocalAddr().(*net.TCPAddr).AddrPort()), room: make(chan struct{}, maxPerConn)}
		all.Go(func() {
			t.run()
			s.conns.Add(-1)
			p.conns.Add(-1)
		})
	}
}

// tcpConn is the connection of a client. Answers go out as they are ready (RFC
// 7766 section 7).
type tcpConn struct {
	res         *Resolver
	conn        net.Conn
	from, local netip.AddrPort
	writing     sync.Mutex
	room        chan struct{} // one for each query that waits
	pending     sync.WaitGroup
}

// run reads queries until the client goes, is idle or misbehaves.
func (t *tcpConn) run() {
	defer t.conn.Close()
	stop := make(chan struct{})
	defer close(stop)
	go func() { // the end of the resolver ends the connection
		select {
		case <-t.res.ctx.Done():
			_ = t.conn.Close()
		case <-stop:
		}
	}()
	in := bufio.NewReaderSize(t.conn, 4096)
	wait, r := firstByte, new(request)
	var msg []byte
	for {
		_ = t.conn.SetReadDeadline(time.Now().Add(wait))
		var head [2]byte
		if _, err := io.ReadFull(in, head[:1]); err != nil {
			break
		}
		_ = t.conn.SetReadDeadline(time.Now().Add(firstByte))
		if _, err := io.ReadFull(in, head[1:]); err != nil {
			break
		}
		n := int(binary.BigEndian.Uint16(head[:]))
		if n < minTCPQuery || n > maxTCPQuery {
			break
		}
		if cap(msg) < n {
			msg = make([]byte, max(n, 512))
		}
		if _, err := io.ReadFull(in, msg[:n]); err != nil {
			break
		}
		t.handle(r, msg[:n])
		wait = idle
	}
	t.pending.Wait()
}

// maxTCPQuery bounds a query: even one with all options is smaller.
const maxTCPQuery = 8192

// minTCPQuery is a header; who sends less, many times over one connection, has no
// question.
const minTCPQuery = 12

func (t *tcpConn) handle(r *request, msg []byte) {
	t.room <- struct{}{} // a client that asks too much at once waits
	r.at, r.tcp, r.size, r.from, r.local, r.iface = t.res.clock(), true, len(msg), t.from, t.local, 0
	t.res.stats.tcp.Add(1)
	t.pending.Add(1)
	reply, ready := t.res.handle(r, msg, make([]byte, 0, replyRoom), t)
	if ready {
		t.write(reply)
		t.finished()
	}
}

func (t *tcpConn) finished() {
	<-t.room
	t.pending.Done()
}

// respond implements responder.
func (t *tcpConn) respond(_ *job, reply []byte) {
	t.write(reply)
	t.finished()
}

// write sends length and message at once. A client that does not read is let go.
func (t *tcpConn) write(reply []byte) {
	if len(reply) == 0 {
		return
	}
	frame := binary.BigEndian.AppendUint16(make([]byte, 0, len(reply)+2), uint16(len(reply)))
	frame = append(frame, reply...)
	t.writing.Lock()
	defer t.writing.Unlock()
	_ = t.conn.SetWriteDeadline(time.Now().Add(writeTime))
	if _, err := t.conn.Write(frame); err != nil {
		t.res.stats.unsent.Add(1)
		_ = t.conn.Close()
	}
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// nanoseconds is the time of the clock on the wall.
func nanoseconds() int64 { return time.Now().UnixNano() }
