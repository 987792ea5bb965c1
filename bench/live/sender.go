package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/bench/pcapfile"
)

// sent is what the sender reports.
type sent struct {
	Frames  int     `json:"frames"`
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu_s"`
}

// Limits of the sender: frames in one call, frames of a file that it holds, bytes of one.
const (
	batch     = 32
	mostHeld  = 200_000
	mostBytes = 1514
	flows     = 1000
)

// sendAndReport sends the frames of o for o.duration and prints what it did.
func sendAndReport(o *options) error {
	dst, err := net.ParseMAC(o.mac)
	if err != nil {
		return err
	}
	eth, err := net.InterfaceByName(o.iface)
	if err != nil {
		return err
	}
	frames := synthetic(o.size)
	if o.file != "" {
		if frames, err = framesOf(o.file); err != nil {
			return fmt.Errorf("reading %s: %w", o.file, err)
		}
	}
	for _, f := range frames {
		copy(f, dst)
		copy(f[6:], eth.HardwareAddr)
	}
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, 0)
	if err != nil {
		return err
	}
	if err = syscall.Bind(fd, &syscall.SockaddrLinklayer{Ifindex: eth.Index}); err != nil {
		return err
	}
	s, err := send(fd, frames, o.rate, o.duration)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(s)
}

// synthetic returns UDP datagrams of many flows in frames of that size.
func synthetic(size int) (frames [][]byte) {
	for n := range flows {
		f := make([]byte, max(size, 42))
		f[12], f[13] = 8, 0
		ip := f[14:]
		ip[0], ip[8], ip[9] = 0x45, 64, 17
		binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
		copy(ip[12:], net.ParseIP(clientIP).To4())
		copy(ip[16:], net.IPv4(192, 0, 2, byte(n)).To4()) // the net has no route to it, and is silent
		binary.BigEndian.PutUint16(ip[10:], checksum(ip[:20]))
		binary.BigEndian.PutUint16(ip[20:], uint16(20000+n))
		binary.BigEndian.PutUint16(ip[22:], 9000)
		binary.BigEndian.PutUint16(ip[24:], uint16(len(ip)-20))
		frames = append(frames, f)
	}
	return frames
}

// checksum is that of an IPv4 header (RFC 1071).
func checksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// framesOf returns the first frames of a capture that fit a veth.
func framesOf(name string) (frames [][]byte, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r, err := pcapfile.NewReader(file)
	if err != nil {
		return nil, err
	}
	for len(frames) < mostHeld {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if n := len(rec.Data); n >= 14 && n <= mostBytes {
			frames = append(frames, append([]byte(nil), rec.Data...))
		}
	}
	if len(frames) == 0 {
		return nil, errors.New("no frames that fit")
	}
	return frames, nil
}

// message is the kernel's struct mmsghdr.
type message struct {
	hdr syscall.Msghdr
	len uint32
	_   uint32
}

// send sends the frames in turn, rate in a second, for d.
func send(fd int, frames [][]byte, rate int, d time.Duration) (s sent, err error) {
	var vectors [batch]syscall.Iovec
	var messages [batch]message
	begun, cpu := time.Now(), cpuSeconds()
	for time.Since(begun) < d {
		due := int(float64(rate)*time.Since(begun).Seconds()) - s.Frames
		if due < batch {
			time.Sleep(500 * time.Microsecond)
			continue
		}
		for i := range batch {
			f := frames[(s.Frames+i)%len(frames)]
			vectors[i] = syscall.Iovec{Base: &f[0], Len: uint64(len(f))}
			messages[i].hdr = syscall.Msghdr{Iov: &vectors[i], Iovlen: 1}
		}
		n, _, errno := syscall.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&messages)), batch, 0, 0, 0)
		if errno != 0 && errno != syscall.ENOBUFS && errno != syscall.EAGAIN && errno != syscall.EINTR {
			return s, fmt.Errorf("sending: %w", errno)
		} else if errno == 0 {
			s.Frames += int(n)
		}
	}
	s.Seconds, s.CPU = time.Since(begun).Seconds(), cpuSeconds()-cpu
	return s, nil
}

// cpuSeconds returns the CPU time of this process.
func cpuSeconds() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
