package shunt

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fanoutEBPF is PACKET_FANOUT_EBPF, and uniqueID PACKET_FANOUT_FLAG_UNIQUEID, of Linux'
// if_packet.h.
const (
	fanoutEBPF = 7
	uniqueID   = 0x2000
)

// Attach puts the program in front of a packet socket, which must be bound to all
// interfaces with ETH_P_ALL and in no fanout group. If it fails, the socket gets every packet
// as before.
func (s *Shunt) Attach(ring int) (err error) {
	if s.sink, err = openSink(); err != nil {
		return err
	}
	// The first member is number 0: toRing.
	if err := unix.SetsockoptInt(ring, unix.SOL_PACKET, unix.PACKET_FANOUT, (fanoutEBPF|uniqueID)<<16); err != nil {
		return fmt.Errorf("making a fanout group: %w", err)
	}
	group, err := unix.GetsockoptInt(ring, unix.SOL_PACKET, unix.PACKET_FANOUT)
	if err != nil {
		return fmt.Errorf("making a fanout group: %w", err)
	}
	if err := unix.SetsockoptInt(s.sink, unix.SOL_PACKET, unix.PACKET_FANOUT, group&0xffff|fanoutEBPF<<16); err != nil {
		return fmt.Errorf("joining the fanout group: %w", err)
	}
	if err := unix.SetsockoptInt(ring, unix.SOL_PACKET, unix.PACKET_FANOUT_DATA, s.program.FD()); err != nil {
		return fmt.Errorf("attaching the program to the fanout group: %w", err)
	}
	s.attached.Store(true)
	return nil
}

// openSink opens a packet socket that accepts nothing.
func openSink() (fd int, err error) {
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("opening packet socket: %w (needs root or CAP_NET_RAW)", err)
	}
	nothing := [...]unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
	program := unix.SockFprog{Len: 1, Filter: (*unix.SockFilter)(unsafe.Pointer(&nothing))}
	const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // in network order
	if err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all})
	}
	if err != nil {
		_ = unix.Close(fd) // the fault is err
		return -1, fmt.Errorf("preparing the socket of counted packets: %w", err)
	}
	return fd, nil
}
