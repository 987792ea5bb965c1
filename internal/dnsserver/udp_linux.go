package dnsserver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch is the number of datagrams that one system call reads or writes. It
// spreads the cost of the call; a socket needs some 220 kB for that many.
const batch = 32

// maxDatagram is the largest query over UDP that is read, in bytes. Longer ones
// cannot be valid.
const maxDatagram = 2048

// ReplyRoom is the capacity of the buffer that a [Session] is given for its
// answer, in bytes: 4,096 for a message and the rest for its OPT record.
const ReplyRoom = 4096 + 512

// controlRoom holds the packet information of either family.
const controlRoom = 64

// message is the kernel's struct mmsghdr.
type message struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// udpSocket reads a socket. It owns its memory: a query is handled where the
// kernel put it.
type udpSocket struct {
	server  *Server
	conn    *net.UDPConn
	raw     syscall.RawConn
	local   netip.AddrPort
	session Session
	query   Query // used again for every datagram

	in, out       [batch]message
	inIov, outIov [batch]unix.Iovec
	names         [batch]sockaddr
	control       [batch][controlRoom]byte
	queries       [batch][maxDatagram]byte
	replies       [batch][ReplyRoom]byte
	current       int  // index of the query that is handled
	failed        bool // its handler has panicked
	ready         int  // answers in out
	sent          int  // of them
	done          int  // by the last system call
	errno         syscall.Errno

	receive, submit func(fd uintptr) bool
}

func (s *Server) newUDPSocket(ctx context.Context, a netip.AddrPort) (*udpSocket, error) {
	conn, err := listenUDP(ctx, a)
	if err != nil {
		return nil, err
	}
	u := &udpSocket{server: s, conn: conn, local: a, session: s.conf.Handler.NewSession()}
	u.query.via = u
	if u.raw, err = conn.SyscallConn(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	u.prepare()
	return u, nil
}

// prepare lays out the memory. The functions are made once, too: a closure for
// each call would be an allocation.
func (u *udpSocket) prepare() {
	for i := range batch {
		u.inIov[i].Base, u.outIov[i].Base = &u.queries[i][0], &u.replies[i][0]
		u.inIov[i].SetLen(maxDatagram)
		u.in[i].hdr.Iov, u.out[i].hdr.Iov = &u.inIov[i], &u.outIov[i]
		u.in[i].hdr.SetIovlen(1)
		u.out[i].hdr.SetIovlen(1)
	}
	u.receive = func(fd uintptr) bool {
		n, _, errno := syscall.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&u.in[0])), batch, unix.MSG_DONTWAIT, 0, 0)
		u.done, u.errno = int(n), errno
		return errno != unix.EAGAIN && errno != unix.EINTR
	}
	u.submit = func(fd uintptr) bool {
		n, _, errno := syscall.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&u.out[u.sent])), uintptr(u.ready-u.sent),
			unix.MSG_DONTWAIT, 0, 0)
		u.done, u.errno = int(n), errno
		return true // a full socket must not stop the reading
	}
}

// run reads until the socket is closed.
func (u *udpSocket) run() {
	for !u.server.udp.Stopped() {
		u.reset()
		if err := u.raw.Read(u.receive); err != nil {
			return
		}
		if u.errno == 0 { // others are ICMP errors of earlier answers
			u.serve(u.done)
		}
	}
}

// reset offers the kernel all the room again.
func (u *udpSocket) reset() {
	for i := range batch {
		h := &u.in[i].hdr
		h.Name, h.Namelen = &u.names[i][0], uint32(len(u.names[i]))
		h.Control = &u.control[i][0]
		h.SetControllen(controlRoom)
	}
}

// serve handles a batch of n queries and sends the answers that are ready.
func (u *udpSocket) serve(n int) {
	u.ready, u.query.At = 0, u.server.conf.Clock().UnixNano()
	for i := 0; i < n; {
		if i = u.handleFrom(i, n); u.failed {
			u.fail()
		}
	}
	u.server.stats.udp.Add(uint64(n))
	u.send()
}

// handleFrom has queries i to n answered. It returns n or, after a panic of the
// handler, the next query.
func (u *udpSocket) handleFrom(i, n int) (next int) {
	defer u.server.udp.Recover(&u.query.Msg)
	for u.failed = true; i < n; i++ {
		next = i + 1
		u.handle(i)
	}
	u.failed = false
	return n
}

// fail answers the query whose handler has panicked.
func (u *udpSocket) fail() {
	u.failed = false
	_ = u.server.udp.Do(nil, func() { u.session.Failed(&u.query) })
	if reply := appendServFail(u.replies[u.ready][:0], u.query.Msg); len(reply) > 0 {
		u.reply(u.current, reply)
	}
}

// handle has query i answered.
func (u *udpSocket) handle(i int) {
	in := &u.in[i].hdr
	u.current = i
	u.query.Msg, u.query.Size = u.queries[i][:u.in[i].n], int(u.in[i].n)
	u.query.From, u.query.Local, u.query.Iface = u.names[i].addrPort(), u.local, 0
	if to, iface := destination(u.control[i][:in.Controllen]); to.IsValid() {
		u.query.Local, u.query.Iface = netip.AddrPortFrom(to, u.local.Port()), iface
	}
	if u.server.udp.Armed() {
		u.server.udp.Probe(u.query.Msg)
	}
	if reply, done := u.session.Handle(&u.query, u.replies[u.ready][:0]); done && len(reply) > 0 {
		u.reply(i, reply)
	}
}

// reply queues the answer to query i.
func (u *udpSocket) reply(i int, reply []byte) {
	in, out := &u.in[i].hdr, &u.out[u.ready].hdr
	out.Name, out.Namelen = &u.names[i][0], in.Namelen
	out.Control = &u.control[i][0]
	out.SetControllen(int(in.Controllen))
	u.outIov[u.ready].Base = &reply[0] // of replies, unless the answer needed more room
	u.outIov[u.ready].SetLen(len(reply))
	u.ready++
}

// send sends the answers that are ready. Those that the kernel does not take are
// counted.
func (u *udpSocket) send() {
	for u.sent = 0; u.sent < u.ready; {
		if err := u.raw.Write(u.submit); err != nil {
			return
		}
		if u.errno != 0 {
			u.server.stats.unsent.Add(1)
			u.sent++ // the error is that of the first one
			continue
		}
		u.sent += u.done
	}
}

// udpReturn is the way back to a client: its address, and the packet information
// that says from which of our addresses the answer has to come.
type udpReturn struct {
	socket  *udpSocket
	name    sockaddr
	control [controlRoom]byte
	hdr     unix.Msghdr // name and control are parts of it
}

var udpReturns = sync.Pool{New: func() any { return new(udpReturn) }}

// deferred implements deferrer.
func (u *udpSocket) deferred() Responder {
	r, in := udpReturns.Get().(*udpReturn), &u.in[u.current].hdr
	r.socket, r.name, r.control = u, u.names[u.current], u.control[u.current]
	r.hdr = unix.Msghdr{Name: &r.name[0], Namelen: in.Namelen, Control: &r.control[0]}
	r.hdr.SetControllen(int(in.Controllen))
	return r
}

// Respond implements [Responder].
func (r *udpReturn) Respond(reply []byte) {
	if len(reply) > 0 && !r.send(reply) {
		r.socket.server.stats.unsent.Add(1)
	}
	r.socket = nil
	udpReturns.Put(r)
}

// send reports whether the kernel took the answer.
func (r *udpReturn) send(reply []byte) bool {
	iov := unix.Iovec{Base: &reply[0]}
	iov.SetLen(len(reply))
	r.hdr.Iov = &iov
	r.hdr.SetIovlen(1)
	var errno syscall.Errno
	err := r.socket.raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&r.hdr)), unix.MSG_DONTWAIT)
	})
	r.hdr.Iov = nil
	return err == nil && errno == 0
}
