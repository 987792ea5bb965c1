//go:build linux

package shunt_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// raw sends frames that no program of the qube answers for.
type raw struct {
	t  *testing.T
	fd int
}

func newRaw(t *testing.T, q *testbed.Qube) *raw {
	t.Helper()
	r := &raw{t: t}
	err := q.Do(func() error {
		eth, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		if r.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Bind(r.fd, &unix.SockaddrLinklayer{Ifindex: eth.Index})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(r.fd) })
	return r
}

// stream sends n frames, one each time gap is over.
func (r *raw) stream(n int, gap time.Duration, frame []byte) {
	r.t.Helper()
	begun := time.Now()
	for i := range n {
		time.Sleep(time.Until(begun.Add(time.Duration(i) * gap)))
		r.send(frame)
	}
}

func (r *raw) send(frame []byte) {
	r.t.Helper()
	if _, err := unix.Write(r.fd, frame); err != nil {
		r.t.Fatal(err)
	}
}

// Flags of TCP.
const (
	fin, syn, rst, psh, ack = 1, 2, 4, 8, 16
	protoTCP, protoUDP      = 6, 17
)

// frame returns an Ethernet frame with a packet, behind tags.
func frame(src, dst string, proto, flags byte, length int, tags ...byte) []byte {
	from, to := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	l4 := make([]byte, 20+length)
	binary.BigEndian.PutUint16(l4, from.Port())
	binary.BigEndian.PutUint16(l4[2:], to.Port())
	switch proto {
	case protoTCP:
		l4[12], l4[13] = 5<<4, flags
	default:
		binary.BigEndian.PutUint16(l4[4:], uint16(len(l4)))
	}
	ip, etherType := []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, proto, 0, 0}, []byte{8, 0}
	if from.Addr().Is4() {
		binary.BigEndian.PutUint16(ip[2:], uint16(20+len(l4)))
	} else {
		ip, etherType = []byte{0x60, 0, 0, 0, 0, 0, proto, 64}, []byte{0x86, 0xdd}
		binary.BigEndian.PutUint16(ip[4:], uint16(len(l4)))
	}
	ip = slices.Concat(ip, from.Addr().AsSlice(), to.Addr().AsSlice())
	ethernet := []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x16, 0x3e, 0x5e, 0x6c, 0x00}
	return slices.Concat(ethernet, tags, etherType, ip, l4)
}
