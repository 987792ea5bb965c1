//go:build linux

package testbed

import (
	"errors"
	"fmt"
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// message is the kernel's struct mmsghdr.
type message struct {
	hdr unix.Msghdr
	len uint32
	_   uint32
}

// blastBatch is how many frames are sent with one call.
const blastBatch = 64

// Blast sends frames on eth0 of a qube to its netvm, rate in a second, for a time or
// until the machine is removed. frame appends the payload of the n-th Ethernet frame, an
// IPv4 packet, to b. It returns how many were sent. What the kernel has no room for is
// sent again.
func (q *Qube) Blast(rate int, d time.Duration, frame func(b []byte, n int) []byte) (sent int, err error) {
	fd := -1
	err = q.Do(func() error {
		eth, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: eth.Index})
	})
	if fd >= 0 {
		defer unix.Close(fd)
	}
	if err != nil {
		return 0, fmt.Errorf("opening a packet socket in %s: %w", q, err)
	}
	b, err := newBlast(fd)
	if err != nil {
		return 0, err
	}
	for begun := time.Now(); q.gone.Err() == nil; {
		elapsed := time.Since(begun)
		if elapsed >= d {
			break
		}
		due := int(float64(rate)*elapsed.Seconds()) - sent
		if due < 1 {
			time.Sleep(500 * time.Microsecond)
			continue
		}
		if err := b.send(min(due, blastBatch), sent, frame); err != nil {
			return sent, err
		}
		sent += min(due, blastBatch)
	}
	return sent, nil
}

// blast is the memory of a batch.
type blast struct {
	fd       int
	header   []byte
	frames   [blastBatch][]byte
	vectors  [blastBatch]unix.Iovec
	messages [blastBatch]message
}

func newBlast(fd int) (*blast, error) {
	to, err := net.ParseMAC(backendMAC)
	if err != nil {
		return nil, err
	}
	from, err := net.ParseMAC(frontendMAC)
	if err != nil {
		return nil, err
	}
	return &blast{fd: fd, header: append(append(to, from...), 8, 0)}, nil
}

// send sends n frames, the first of which has the number first.
func (b *blast) send(n, first int, frame func(b []byte, n int) []byte) error {
	for i := range n {
		f := frame(append(b.frames[i][:0], b.header...), first+i)
		b.frames[i] = f
		b.vectors[i] = unix.Iovec{Base: &f[0]}
		b.vectors[i].SetLen(len(f))
		b.messages[i].hdr = unix.Msghdr{Iov: &b.vectors[i], Iovlen: 1}
	}
	for at := 0; at < n; {
		done, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(b.fd), uintptr(unsafe.Pointer(&b.messages[at])), uintptr(n-at), 0, 0, 0)
		switch {
		case errno == 0:
			at += int(done)
		case errors.Is(errno, unix.ENOBUFS), errors.Is(errno, unix.EAGAIN), errors.Is(errno, unix.EINTR):
			time.Sleep(200 * time.Microsecond)
		default:
			return fmt.Errorf("sending frames: %w", errno)
		}
	}
	return nil
}
