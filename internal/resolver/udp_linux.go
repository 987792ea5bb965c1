package resolver

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch is how many datagrams one call of the kernel takes or brings.
const batch = 32

// maxQuery is the largest query that is read; what is longer cannot be one.
const maxQuery = 2048

// replyRoom holds the largest message of the cache and an OPT record. What does
// not fit a datagram is cut before it is sent.
const replyRoom = 4096 + 512

// message is the kernel's struct mmsghdr.
type message struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// reader reads one of the sockets that share an address (SO_REUSEPORT). It owns
// its memory: a query is answered out of it, or copied into a job.
type reader struct {
	res   *Resolver
	conn  *net.UDPConn
	raw   syscall.RawConn
	local netip.AddrPort

	in, out         [batch]message
	inIov, outIov   [batch]unix.Iovec
	names           [batch][unix.SizeofSockaddrInet6]byte
	control         [batch][controlRoom]byte
	queries         [batch][maxQuery]byte
	replies         [batch][replyRoom]byte
	req             request
	current         int // the query that is handled
	received        int
	sent, toSend    int
	errno           syscall.Errno
	receive, submit func(fd uintptr) bool
}

const controlRoom = 64

// udpReturn is the way back to a client: its address and the packet information
// that says from which of our addresses the answer has to come.
type udpReturn struct {
	name    [unix.SizeofSockaddrInet6]byte
	nameLen uint32
	control [controlRoom]byte
	ctrlLen int
}

func (s *Resolver) newReader(a netip.AddrPort) (*reader, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if e := c.Control(func(fd uintptr) { err = socketOptions(int(fd), a.Addr()) }); e != nil {
			return e
		}
		return err
	}}
	network := "udp4"
	if a.Addr().Is6() {
		network = "udp6"
	}
	pc, err := lc.ListenPacket(context.Background(), network, a.String())
	if err != nil {
		return nil, err
	}
	r := &reader{res: s, conn: pc.(*net.UDPConn), local: a}
	if r.raw, err = r.conn.SyscallConn(); err != nil {
		return nil, errors.Join(err, r.conn.Close())
	}
	r.prepare()
	return r, nil
}

// rcvbuf is the room for queries that have not been read: a burst of some 4,000.
const rcvbuf = 4 << 20

// socketOptions lets several sockets have the address, and the kernel tell where
// a query was sent to: the answer must come from there (RFC 2181 section 4.1).
func socketOptions(fd int, a netip.Addr) error {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, rcvbuf) // without the right to, there is less room
	return errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1),
		packetInfo(fd, a))
}

func packetInfo(fd int, a netip.Addr) error {
	if a.Is4() {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
}

// prepare lays the memory out once. The functions are made once, too: a closure
// for each call would be an allocation.
func (r *reader) prepare() {
	for i := range batch {
		r.inIov[i].Base, r.outIov[i].Base = &r.queries[i][0], &r.replies[i][0]
		r.inIov[i].SetLen(maxQuery)
		for _, m := range []struct {
			hdr *unix.Msghdr
			iov *unix.Iovec
		}{{&r.in[i].hdr, &r.inIov[i]}, {&r.out[i].hdr, &r.outIov[i]}} {
			m.hdr.Iov = m.iov
			m.hdr.SetIovlen(1)
		}
	}
	r.receive = func(fd uintptr) bool {
		n, _, errno := syscall.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.in[0])), batch, unix.MSG_DONTWAIT, 0, 0)
		r.received, r.errno = int(n), errno
		return errno != unix.EAGAIN && errno != unix.EINTR
	}
	r.submit = func(fd uintptr) bool {
		n, _, errno := syscall.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&r.out[r.sent])), uintptr(r.toSend-r.sent), unix.MSG_DONTWAIT, 0, 0)
		r.received, r.errno = int(n), errno
		return true // a full socket does not stop us from reading
	}
}

// run answers until the socket is closed.
func (r *reader) run() {
	for {
		for i := range batch {
			h := &r.in[i].hdr
			h.Name, h.Namelen = &r.names[i][0], uint32(len(r.names[i]))
			h.Control = &r.control[i][0]
			h.SetControllen(controlRoom)
		}
		if err := r.raw.Read(r.receive); err != nil {
			return
		}
		if r.errno != 0 {
			continue // an ICMP error of an earlier answer
		}
		r.answer(r.received)
	}
}

// answer handles a batch of queries and sends the answers that are ready.
func (r *reader) answer(n int) {
	now := r.res.clock()
	r.toSend = 0
	for i := range n {
		m := &r.in[i]
		r.current = i
		r.req.at, r.req.tcp, r.req.size = now, false, int(m.n)
		r.req.from, r.req.local, r.req.iface = r.client(i), r.local, 0
		if to, iface := destination(r.control[i][:m.hdr.Controllen]); to.IsValid() {
			r.req.local, r.req.iface = netip.AddrPortFrom(to, r.local.Port()), iface
		}
		o := &r.out[r.toSend].hdr
		reply, ready := r.res.handle(&r.req, r.queries[i][:m.n], r.replies[r.toSend][:0], r)
		if !ready || len(reply) == 0 {
			continue
		}
		o.Name, o.Namelen = &r.names[i][0], m.hdr.Namelen
		o.Control = &r.control[i][0]
		o.SetControllen(int(m.hdr.Controllen))
		r.outIov[r.toSend].Base = &reply[0] // normally the room that was offered
		r.outIov[r.toSend].SetLen(len(reply))
		r.toSend++
	}
	r.res.stats.udp.Add(uint64(n))
	r.send()
}

// send sends what is ready. What the kernel does not take is counted and left.
func (r *reader) send() {
	for r.sent = 0; r.sent < r.toSend; {
		if err := r.raw.Write(r.submit); err != nil {
			break
		}
		if r.errno != 0 {
			r.res.stats.unsent.Add(1)
			r.sent++ // the first one is the culprit
			continue
		}
		r.sent += r.received
	}
}

// client returns who has sent query i.
func (r *reader) client(i int) netip.AddrPort {
	b := &r.names[i]
	port := binary.BigEndian.Uint16(b[2:])
	if binary.NativeEndian.Uint16(b[:]) == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])).Unmap(), port)
}

// destination reads where a query was sent to from the packet information, and
// makes that ready to be sent back: the answer is to have that source, and any
// way out.
func destination(c []byte) (a netip.Addr, iface uint32) {
	const head = unix.SizeofCmsghdr
	if len(c) < head {
		return a, 0
	}
	level, kind := int32(binary.NativeEndian.Uint32(c[8:])), int32(binary.NativeEndian.Uint32(c[12:]))
	switch {
	case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(c) >= head+12:
		iface = binary.NativeEndian.Uint32(c[head:])
		a = netip.AddrFrom4([4]byte(c[head+4 : head+8])) // ipi_spec_dst
		binary.NativeEndian.PutUint32(c[head:], 0)
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(c) >= head+20:
		iface = binary.NativeEndian.Uint32(c[head+16:])
		if a = netip.AddrFrom16([16]byte(c[head : head+16])); !a.IsLinkLocalUnicast() {
			binary.NativeEndian.PutUint32(c[head+16:], 0)
		}
		a = a.Unmap()
	}
	return a, iface
}

// where copies the way back of the query that is handled.
func (r *reader) where() (u udpReturn) {
	i := r.current
	u.name, u.nameLen = r.names[i], r.in[i].hdr.Namelen
	u.control, u.ctrlLen = r.control[i], int(r.in[i].hdr.Controllen)
	return u
}

// respond implements responder.
func (r *reader) respond(j *job, reply []byte) {
	if len(reply) == 0 {
		return
	}
	var h unix.Msghdr
	iov := unix.Iovec{Base: &reply[0]}
	iov.SetLen(len(reply))
	h.Name, h.Namelen, h.Iov = &j.udp.name[0], j.udp.nameLen, &iov
	h.SetIovlen(1)
	h.Control = &j.udp.control[0]
	h.SetControllen(j.udp.ctrlLen)
	var errno syscall.Errno
	err := r.raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&h)), unix.MSG_DONTWAIT)
	})
	if err != nil || errno != 0 {
		r.res.stats.unsent.Add(1)
	}
}
