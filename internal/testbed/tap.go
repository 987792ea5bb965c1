//go:build linux

package testbed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Frame is one frame seen by a tap.
type Frame struct {
	// Time is when the kernel handed the frame to the tap.
	Time time.Time

	// Outbound says that the machine with the tap sent the frame.
	Outbound bool

	// Data is the whole frame, from the Ethernet header. It belongs to the
	// tap and is valid during the call only.
	Data []byte
}

// IsIP reports whether f carries IPv4 or IPv6 directly.
func (f Frame) IsIP() bool {
	if len(f.Data) < 14 {
		return false
	}
	t := binary.BigEndian.Uint16(f.Data[12:])
	return t == unix.ETH_P_IP || t == unix.ETH_P_IPV6
}

// The ring of a tap: 16 blocks of 1 MB hold 16 super frames each, and a block
// that does not fill is handed over after retireTime. The buffer of a plain
// socket would hold three super frames where root's rights are those of a user
// namespace, and would show fragments with the headers that NAT gave them
// later: a ring has its own copy.
const (
	blockSize  = 1 << 20
	blockCount = 16
	slotSize   = 1 << 11 // of no meaning in version 3, but checked
	retireTime = 10 * time.Millisecond

	// idleTime without a block is the end of a tap that is being closed.
	idleTime = 4 * retireTime
)

// Tap is a packet socket on one interface.
type Tap struct {
	fd   int
	ring []byte
	fn   func(Frame)
	stop atomic.Int64 // Unix nanoseconds of Close, 0 before
	done chan error
	cut  int // frames longer than a block, owned by loop
}

// Tap calls fn, in one goroutine, for every frame on an interface from the
// moment it returns until Close.
func (h *Host) Tap(ifname string, fn func(Frame)) (*Tap, error) {
	t := &Tap{fn: fn, done: make(chan error, 1)}
	err := h.Do(func() error {
		ifi, err := net.InterfaceByName(ifname)
		if err != nil {
			return err
		}
		// Protocol 0: nothing arrives before bind has chosen the interface.
		t.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("opening a packet socket: %w", err)
		}
		if err = t.setup(ifi.Index); err != nil {
			t.release()
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tapping %s: %w", ifname, err)
	}
	go func() { t.done <- t.loop() }()
	return t, nil
}

// setup creates the ring and starts reception.
func (t *Tap) setup(ifindex int) error {
	err := unix.SetsockoptInt(t.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3)
	if err != nil {
		return fmt.Errorf("choosing TPACKET_V3: %w", err)
	}
	err = unix.SetsockoptTpacketReq3(t.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq3{
		Block_size:     blockSize,
		Block_nr:       blockCount,
		Frame_size:     slotSize,
		Frame_nr:       blockSize / slotSize * blockCount,
		Retire_blk_tov: uint32(retireTime.Milliseconds()),
	})
	if err != nil {
		return fmt.Errorf("making a ring: %w", err)
	}
	t.ring, err = unix.Mmap(t.fd, 0, blockSize*blockCount, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("mapping the ring: %w", err)
	}
	return unix.Bind(t.fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: ifindex})
}

// release frees the resources of setup.
func (t *Tap) release() {
	if t.ring != nil {
		_ = unix.Munmap(t.ring)
	}
	_ = unix.Close(t.fd)
}

// loop reads until everything from before Close has been read.
func (t *Tap) loop() error {
	for i := 0; ; i = (i + 1) % blockCount {
		block := t.ring[i*blockSize:][:blockSize]
		head := (*unix.TpacketHdrV1)(unsafe.Pointer(&block[8])) // after version and private area
		for atomic.LoadUint32(&head.Block_status)&unix.TP_STATUS_USER == 0 {
			fds := []unix.PollFd{{Fd: int32(t.fd), Events: unix.POLLIN}}
			_, err := unix.Poll(fds, int(idleTime.Milliseconds()))
			if err != nil && !errors.Is(err, unix.EINTR) {
				return fmt.Errorf("waiting for frames: %w", err)
			}
			if fds[0].Revents&unix.POLLERR != 0 {
				// The vif was removed. Reading the error clears it.
				_, _ = unix.GetsockoptInt(t.fd, unix.SOL_SOCKET, unix.SO_ERROR)
			}
			if fds[0].Revents&unix.POLLIN == 0 && t.stop.Load() != 0 {
				return nil
			}
		}
		if t.readBlock(block, head) {
			return nil
		}
		atomic.StoreUint32(&head.Block_status, unix.TP_STATUS_KERNEL)
	}
}

// readBlock hands the frames of a block over. It reports whether one of them
// is younger than Close.
func (t *Tap) readBlock(block []byte, head *unix.TpacketHdrV1) (over bool) {
	stop := t.stop.Load()
	at := head.Offset_to_first_pkt
	for range head.Num_pkts {
		p := block[at:]
		hdr := (*unix.Tpacket3Hdr)(unsafe.Pointer(&p[0]))
		ll := (*unix.RawSockaddrLinklayer)(unsafe.Pointer(&p[tpacketAlign(unix.SizeofTpacket3Hdr)]))
		now := time.Unix(int64(hdr.Sec), int64(hdr.Nsec))
		if stop != 0 && now.UnixNano() > stop {
			return true
		}
		if hdr.Snaplen < hdr.Len {
			t.cut++
		}
		t.fn(Frame{
			Time:     now,
			Outbound: ll.Pkttype == unix.PACKET_OUTGOING,
			Data:     p[hdr.Mac:][:hdr.Snaplen],
		})
		at += hdr.Next_offset
	}
	return false
}

// Close ends the tap after the last frame that has arrived. It returns an
// error if the tap missed frames.
func (t *Tap) Close() error {
	t.stop.Store(time.Now().UnixNano())
	err := <-t.done
	defer t.release()
	if err != nil {
		return err
	}
	stats, err := unix.GetsockoptTpacketStatsV3(t.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return fmt.Errorf("reading the tap's counters: %w", err)
	}
	if stats.Drops > 0 || t.cut > 0 {
		return fmt.Errorf("the tap missed %d of %d frames and cut %d", stats.Drops, stats.Packets, t.cut)
	}
	return nil
}

// tpacketAlign is TPACKET_ALIGN of linux/if_packet.h.
func tpacketAlign(n int) int { return (n + 15) &^ 15 }

// htons converts to network byte order.
func htons(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}
