package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// RingConfig holds the settings of a [Ring].
type RingConfig struct {
	// Matcher selects the interfaces to capture from; it must not be nil.
	Matcher *Matcher
	// Size is the ring's memory in bytes, rounded down to whole MiB, at least 2;
	// 0 means 24 MiB, or 64 MiB for whole frames (SnapPolicy.Relief).
	Size int
	// Snap limits how much of each frame is captured.
	Snap SnapPolicy
	// Brief, if not nil, reports whether no one keeps the frames of an interface: they are cut as
	// Snap says for pressure. It is asked again every five seconds.
	Brief func(index uint32) bool
	// Prompt has the kernel hand over packets after 64 ms at the latest, for whom a tenth of a
	// second is too late. The reader may stand still for 12 s then, instead of 20, with 24 MiB.
	Prompt bool
	// Filters are the user's; for an interface that several of them match, the
	// first one counts. Without any, every frame is captured.
	Filters []Filter
	// Promiscuous selects the interfaces to put into promiscuous mode while they
	// are captured from; nil means none.
	Promiscuous *Matcher
	// Fanout, if not nil, is the number of a group of sockets that share the
	// packets (PACKET_FANOUT_HASH of packet(7), with fragments reassembled).
	Fanout *uint16
	// Shunt, if not nil, is attached when the ring has begun to capture, and detached by
	// Drain. It must be closed after the ring. It is not used together with Fanout.
	Shunt Shunt
	// OnLink, if not nil, is called when the ring begins or ceases to capture from
	// an interface. The calls come one at a time from the goroutine that watches
	// the interfaces, the first ones from OpenRing.
	OnLink func(l LinkInfo, followed bool)
	// OnFault, if not nil, is called with each error of the goroutine that watches
	// the interfaces, from that goroutine. It tries again with a growing delay, up
	// to half a minute; until it succeeds, interfaces may be captured from or
	// refused that should not be. Stats counts the errors as WatchFailures.
	OnFault func(err error)
	// Guard recovers from panics of the watch. It may be nil.
	Guard *guard.Part
}

// Shunt keeps packets that it has counted from a ring.
type Shunt interface {
	// Attach puts the shunt in front of a packet socket. It returns an error only if the
	// ring cannot go on without it.
	Attach(fd int) error
	// Detach has the ring get every packet again.
	Detach()
}

// DefaultSnap, in bytes, covers the headers of everything that Decode reads, with
// two tunnels. Flow metering needs no payload, and what is not copied costs
// nothing; the length on the wire is known nevertheless.
const DefaultSnap = 512

// blockSize is the size of the ring's blocks in bytes: small, because a block that is
// handed over before it is full is lost as room, and large enough for a frame of 64 KiB,
// as segmentation offload makes them.
const blockSize = 128 << 10

// The kernel hands over a block that has frames when it is full or after a time, so a
// ring lasts for that time multiplied by the number of its blocks, however little there
// is in them. It is chosen so that the meter may stand still for stall: a virtual machine
// is paused, and a busy or short of memory one has other things to do.
const (
	stall     = 20 * time.Second
	minRetire = 64 * time.Millisecond
	maxRetire = 250 * time.Millisecond // how late a packet is metered at most
)

// shape returns the number of blocks of a ring of some size in bytes, and after how long
// the kernel hands over one that is not full.
func shape(size int, prompt bool) (blocks int, retire time.Duration) {
	blocks = max(size, 2<<20) >> 20 * (1 << 20 / blockSize)
	if prompt {
		return blocks, minRetire
	}
	retire = (stall / time.Duration(blocks)).Truncate(time.Millisecond) + time.Millisecond
	return blocks, min(max(retire, minRetire), maxRetire)
}

// Ring captures live from all wanted interfaces through one TPACKET_V3 ring
// (Linux Documentation/networking/packet_mmap.rst). It follows interfaces as they
// come and go; if there is none, it waits for one. If the reader falls behind, it cuts
// frames before it loses any, and counts that in Stats.Reliefs.
type Ring struct {
	fd    int
	file  *os.File // owns fd; see bell for waiting
	conn  syscall.RawConn
	bell  bell
	cfg   RingConfig
	mem   []byte
	names Interfaces

	retire time.Duration // see shape
	nap    time.Duration // see napOf

	stopWatch context.CancelFunc

	refreshing sync.Mutex
	brief      []uint32 // see RingConfig.Brief; guarded by refreshing
	watch      sync.WaitGroup
	wanted     atomic.Pointer[map[uint32]bool] // by index; false: known, but not wanted
	live       atomic.Pointer[map[uint32]bool] // captured from now

	// The following belong to Next.
	met       map[uint32]bool // as wanted, for interfaces that the watch does not know yet
	block     int             // the next block to read
	held      []byte          // the block being read, nil for none
	left      uint32          // unread frames in held
	at        uint32          // offset of the next frame in held
	idle      time.Duration   // see SetIdle
	waited    bool            // the last Next had to wait
	last      lastWanted
	full      int // full blocks since the last wait
	readyFunc func(uintptr) bool

	gauge gauge
	heavy heavy

	filter  sync.Mutex  // held while a filter is attached
	drained atomic.Bool // set with filter held

	// The following are accessed with filter held.
	programs [pressures][]bpf.RawInstruction
	attached pressure     // its program is
	input    *filterInput // of programs
	loading  []uint32     // the interfaces whose frames programs[strained] cuts; nil for all

	reliefs, frames, drops, freezes, skipped, watchFailures atomic.Uint64
}

var _ Live = (*Ring)(nil) // type check

// OpenRing starts to capture. It needs CAP_NET_RAW.
func OpenRing(cfg RingConfig) (*Ring, error) {
	if cfg.Size == 0 {
		cfg.Size = 24 << 20
		if cfg.Snap.Relief > 0 {
			cfg.Size = 64 << 20
		}
	}
	// Protocol 0 receives nothing until the filter and the ring are in place.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening packet socket: %w (needs root or CAP_NET_RAW)", err)
	}
	r := &Ring{fd: fd, file: os.NewFile(uintptr(fd), "packet socket"), cfg: cfg,
		stopWatch: func() {}, met: make(map[uint32]bool), idle: DefaultIdle}
	r.readyFunc = r.ready
	if err := r.start(); err != nil {
		return nil, errors.Join(err, r.release())
	}
	return r, nil
}

// start maps the ring, begins to follow the interfaces and then to capture.
func (r *Ring) start() (err error) {
	if r.conn, err = r.file.SyscallConn(); err != nil {
		return fmt.Errorf("opening packet socket: %w", err)
	}
	if err := r.mapRing(); err != nil {
		return err
	}
	if err := r.bell.open(r.fd, r.readyFunc); err != nil {
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
	} else if r.cfg.Shunt != nil {
		if err := r.cfg.Shunt.Attach(r.fd); err != nil {
			return err
		}
	}
	return nil
}

// mapRing allocates the ring in the kernel and maps it.
func (r *Ring) mapRing() error {
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("asking for TPACKET_V3: %w", err)
	}
	blocks, retire := shape(r.cfg.Size, r.cfg.Prompt)
	r.retire, r.nap = retire, napOf(blocks*blockSize, r.cfg.Snap.Relief > 0)
	r.gauge.blocks, r.gauge.relief = int64(blocks), r.cfg.Snap.Relief > 0
	req := unix.TpacketReq3{Block_size: blockSize, Block_nr: uint32(blocks), Frame_size: 2048,
		Frame_nr: uint32(blocks) * blockSize / 2048, Retire_blk_tov: uint32(retire.Milliseconds())}
	if err := unix.SetsockoptTpacketReq3(r.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return fmt.Errorf("allocating a ring of %d MiB: %w (buffer_size_mb is too large for this machine?)", blocks*blockSize>>20, err)
	}
	mem, err := unix.Mmap(r.fd, 0, blocks*blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("mapping the ring: %w", err)
	}
	r.mem = mem
	return nil
}

// Interfaces implements [Source]; the numbers are the kernel's interface indexes.
func (r *Ring) Interfaces() *Interfaces { return &r.names }

// Stats implements [Source]. Reading the kernel's counters resets them there, so
// they are added up here.
func (r *Ring) Stats() Stats {
	_ = r.conn.Control(func(fd uintptr) { // fails only after Close
		s, err := unix.GetsockoptTpacketStatsV3(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err == nil {
			r.drops.Add(uint64(s.Drops))
			r.freezes.Add(uint64(s.Freeze_q_cnt))
		}
	})
	return Stats{Frames: r.frames.Load(), KernelDrops: r.drops.Load(), Freezes: r.freezes.Load(),
		Skipped: r.skipped.Load(), WatchFailures: r.watchFailures.Load(), Reliefs: r.reliefs.Load()}
}

// Drain implements [Live].
func (r *Ring) Drain() error {
	none, err := refuseAll()
	if err != nil {
		return fmt.Errorf("building socket filter: %w", err)
	}
	r.filter.Lock()
	defer r.filter.Unlock()
	r.drained.Store(true)
	if r.cfg.Shunt != nil {
		r.cfg.Shunt.Detach()
	}
	return attach(r.fd, none)
}

// Close implements [Source].
func (r *Ring) Close() error {
	r.Stats() // the last losses
	if err := r.release(); err != nil {
		return fmt.Errorf("closing packet socket: %w", err)
	}
	return nil
}

// release stops the watch and gives memory and socket back.
func (r *Ring) release() (err error) {
	r.stopWatch()
	r.watch.Wait()
	if r.mem != nil {
		err = unix.Munmap(r.mem)
	}
	return errors.Join(err, r.bell.close(), r.file.Close())
}
