package capture

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// RingConfig holds the settings of a [Ring].
type RingConfig struct {
	// Matcher says which interfaces are metered; it must not be nil.
	Matcher *Matcher
	// Size is the ring's memory in bytes, rounded to whole blocks; 0 means 24 MiB.
	Size int
	// Snap limits how much of each frame is captured.
	Snap SnapPolicy
	// Filters are those of the user, the first for an interface counts. With
	// none, everything is taken.
	Filters []Filter
	// Promiscuous are the devices that are put into promiscuous mode while they
	// are captured from; it may be nil.
	Promiscuous *Matcher
	// Fanout, if not nil, is a group of sockets that share the packets
	// (PACKET_FANOUT_HASH of packet(7), with fragments put together).
	Fanout *uint16
	// OnLink, if not nil, is told of each interface that is followed or left. It
	// is called from the goroutine that watches the interfaces.
	OnLink func(l LinkInfo, followed bool)
}

// DefaultSnap holds the headers of anything that Decode looks into, twice
// tunnelled. Flow metering needs no payload, and what is not copied costs
// nothing; the length on the wire is known all the same.
const DefaultSnap = 512

const (
	blockSize    = 1 << 20
	retireMillis = 64 // a block that is not full is handed over after so long
	pollMillis   = 250
)

// Ring captures live from all wanted interfaces through one TPACKET_V3 ring
// (Linux Documentation/networking/packet_mmap.rst). Interfaces that come and go
// are followed; a ring without any interface waits for one.
type Ring struct {
	fd     int
	cfg    RingConfig
	mem    []byte
	names  Interfaces
	done   chan struct{}
	watch  sync.WaitGroup
	wanted atomic.Pointer[map[uint32]bool] // by index; false: seen, but not wanted
	live   atomic.Pointer[map[uint32]bool] // followed now
	met    map[uint32]bool                 // as wanted, for those that the watch has not seen yet; belongs to Next

	block   int // the next block to read
	held    []byte
	left    uint32 // frames left in held
	waited  bool   // the last Next had to wait
	at      uint32 // offset of the next frame in held
	closing atomic.Bool

	filter  sync.Mutex
	drained bool // guarded by filter

	frames, drops, freezes, skipped atomic.Uint64
}

var _ Source = (*Ring)(nil) // type check

// OpenRing starts to capture. It needs CAP_NET_RAW.
func OpenRing(cfg RingConfig) (*Ring, error) {
	if cfg.Size == 0 {
		cfg.Size = 24 << 20
	}
	// Protocol 0 receives nothing until the filter and the ring are in place.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening packet socket: %w (needs root or CAP_NET_RAW)", err)
	}
	r := &Ring{fd: fd, cfg: cfg, done: make(chan struct{}), met: make(map[uint32]bool)}
	if err := r.start(); err != nil {
		close(r.done)
		r.watch.Wait()
		if r.mem != nil {
			_ = unix.Munmap(r.mem)
		}
		unix.Close(fd)
		return nil, err
	}
	return r, nil
}

func (r *Ring) start() error {
	if err := r.mapRing(); err != nil {
		return err
	}
	if err := r.followLinks(); err != nil {
		return err
	}
	const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // in network order
	if err := unix.Bind(r.fd, &unix.SockaddrLinklayer{Protocol: all}); err != nil {
		return fmt.Errorf("binding packet socket: %w", err)
	}
	if r.cfg.Fanout != nil {
		const hash = unix.PACKET_FANOUT_HASH | unix.PACKET_FANOUT_FLAG_DEFRAG
		if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_FANOUT, int(*r.cfg.Fanout)|hash<<16); err != nil {
			return fmt.Errorf("joining fanout_group %d: %w", *r.cfg.Fanout, err)
		}
	}
	return nil
}

func (r *Ring) mapRing() error {
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("asking for TPACKET_V3: %w", err)
	}
	blocks := max(r.cfg.Size/blockSize, 2)
	req := unix.TpacketReq3{Block_size: blockSize, Block_nr: uint32(blocks), Frame_size: 2048,
		Frame_nr: uint32(blocks) * blockSize / 2048, Retire_blk_tov: retireMillis}
	if err := unix.SetsockoptTpacketReq3(r.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return fmt.Errorf("allocating a ring of %d MiB: %w (buffer_size_mb is too large for this machine?)", blocks, err)
	}
	mem, err := unix.Mmap(r.fd, 0, blocks*blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("mapping the ring: %w", err)
	}
	r.mem = mem
	return nil
}

// Next implements [Source].
func (r *Ring) Next(f *Frame) error {
	r.waited = false
	for {
		for r.left > 0 {
			if r.take(f) {
				return nil
			}
		}
		if err := r.nextBlock(); err != nil {
			return err
		}
	}
}

// Waited reports whether the last Next found nothing at once. Like Next, it is not
// safe for concurrent use.
func (r *Ring) Waited() bool { return r.waited }

// header of a block, at its start (struct tpacket_block_desc).
func (r *Ring) header(block int) *unix.TpacketHdrV1 {
	return (*unix.TpacketHdrV1)(unsafe.Pointer(&r.mem[block*blockSize+8]))
}

// nextBlock gives the current block back and waits for the next one.
func (r *Ring) nextBlock() error {
	if r.held != nil {
		atomic.StoreUint32(&r.header(r.block).Block_status, unix.TP_STATUS_KERNEL)
		r.block = (r.block + 1) % (len(r.mem) / blockSize)
		r.held = nil
	}
	h := r.header(r.block)
	if atomic.LoadUint32(&h.Block_status)&unix.TP_STATUS_USER == 0 {
		if err := r.poll(); err != nil {
			return err
		}
		if atomic.LoadUint32(&h.Block_status)&unix.TP_STATUS_USER == 0 {
			return ErrIdle
		}
	}
	r.held = r.mem[r.block*blockSize : (r.block+1)*blockSize]
	r.left, r.at = h.Num_pkts, h.Offset_to_first_pkt
	r.frames.Add(uint64(r.left))
	return nil
}

func (r *Ring) poll() error {
	fds := []unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN | unix.POLLERR}}
	r.waited = true
	n, err := unix.Poll(fds, pollMillis)
	switch {
	case err == unix.EINTR:
		return ErrIdle
	case err != nil:
		return fmt.Errorf("waiting for packets: %w", err)
	case n > 0 && fds[0].Revents&unix.POLLERR != 0:
		// An interface went down while it was bound by name, or similar: the
		// error is read and the capture goes on with the others.
		_, _ = unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	}
	return nil
}

// take fills f with the next frame of the held block. It reports false for a
// frame that is not metered.
func (r *Ring) take(f *Frame) bool {
	b := r.held[r.at:]
	h := (*unix.Tpacket3Hdr)(unsafe.Pointer(&b[0]))
	addr := (*unix.RawSockaddrLinklayer)(unsafe.Pointer(&b[tpacketAlign(unix.SizeofTpacket3Hdr)]))
	r.left--
	r.at += h.Next_offset
	index := uint32(addr.Ifindex)
	wanted, known := (*r.wanted.Load())[index]
	if !known {
		wanted = r.meet(index)
	}
	// The kernel shows a packet on the loopback twice, going out and coming in.
	if !wanted || addr.Hatype == unix.ARPHRD_LOOPBACK && addr.Pkttype == unix.PACKET_OUTGOING {
		r.skipped.Add(1)
		return false
	}
	f.fill(b, h, addr)
	f.Iface = index
	return true
}

func tpacketAlign(n int) int { return (n + unix.TPACKET_ALIGNMENT - 1) &^ (unix.TPACKET_ALIGNMENT - 1) }

// fill converts the kernel's description of a frame.
func (f *Frame) fill(b []byte, h *unix.Tpacket3Hdr, addr *unix.RawSockaddrLinklayer) {
	f.Time = int64(h.Sec)*1e9 + int64(h.Nsec)
	f.Length = h.Len
	f.Direction = packet.Inbound
	if addr.Pkttype == unix.PACKET_OUTGOING {
		f.Direction = packet.Outbound
	}
	f.HasVLAN = h.Status&unix.TP_STATUS_VLAN_VALID != 0
	f.VLAN = uint16(h.Hv1.Vlan_tci)
	if f.HasVLAN {
		f.Length += 4 // was on the wire
	}
	start := uint32(h.Mac)
	f.Link, f.EtherType = packet.LinkEthernet, 0
	if addr.Hatype != unix.ARPHRD_ETHER && addr.Hatype != unix.ARPHRD_LOOPBACK {
		// tun, wireguard, ppp, ipip: whatever header there is, the kernel
		// knows where the network header starts.
		start, f.EtherType = uint32(h.Net), addr.Protocol<<8|addr.Protocol>>8
	}
	end := min(uint32(h.Mac)+h.Snaplen, uint32(len(b)))
	f.Data = b[min(start, end):end]
}

// Interfaces implements [Source]; the numbers are the kernel's interface indexes.
func (r *Ring) Interfaces() *Interfaces { return &r.names }

// Stats implements [Source]. Reading the kernel's counters resets them there, so
// they are added up here.
func (r *Ring) Stats() Stats {
	if !r.closing.Load() {
		if s, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			r.drops.Add(uint64(s.Drops))
			r.freezes.Add(uint64(s.Freeze_q_cnt))
		}
	}
	return Stats{Frames: r.frames.Load(), KernelDrops: r.drops.Load(), Freezes: r.freezes.Load(), Skipped: r.skipped.Load()}
}

// Drain refuses new frames; Next goes on to deliver what the kernel already
// holds and then returns ErrIdle.
func (r *Ring) Drain() error {
	none, err := refuseAll()
	if err != nil {
		return fmt.Errorf("building socket filter: %w", err)
	}
	r.filter.Lock()
	defer r.filter.Unlock()
	r.drained = true
	return attach(r.fd, none)
}

// Close implements [Source].
func (r *Ring) Close() error {
	r.Stats()
	r.closing.Store(true)
	close(r.done)
	r.watch.Wait()
	err := unix.Munmap(r.mem)
	if cerr := unix.Close(r.fd); err == nil {
		err = cerr
	}
	runtime.KeepAlive(r)
	if err != nil {
		return fmt.Errorf("closing packet socket: %w", err)
	}
	return nil
}
