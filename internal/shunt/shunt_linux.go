package shunt

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// Config says which packets are not counted here, however much a flow moves.
type Config struct {
	// TCPPorts and UDPPorts are those whose packets someone looks at.
	TCPPorts, UDPPorts []uint16
	// Wanted reports whether the packets of the flow of p may be counted here. It is called
	// once when counting begins, and may be nil.
	Wanted func(p *packet.Packet) bool
	// Captured reports whether every packet of an interface has to be captured now. Flows that
	// are counted when that begins are stopped with the next Read. It is called from the flow
	// table's goroutine, and may be nil.
	Captured func(iface uint32) bool
	// ClientHellos has the first packet of TLS and QUIC clients pass.
	ClientHellos bool
	// Silence is the time without a packet after which the next one passes, and ends the
	// counting: less than the idle timeout of a flow, so that the timeout is exact.
	// Required.
	Silence time.Duration
}

// Shunt holds the program and the counters. Attach and Stats are safe for concurrent use,
// the other methods belong to one goroutine, that of the flow table.
type Shunt struct {
	cfg             Config
	clock           clock
	bucketMap, ctrl *ebpf.Map
	program         *ebpf.Program
	mem, control    []byte
	seed            uint64
	sink            int // socket of the fanout group, -1 for none
	places          [Places + 1]place
	shares          *share.Pool[uint32] // of places, by interface
	tcp, udp        portSet
	retired         []retiree // in order of time
	retirement      int64     // of each, nanoseconds
	attached        atomic.Bool
	current         atomic.Int64
	begun, refused  atomic.Uint64
	late            atomic.Uint64
}

// place is what is known of the flow in a place, the number of which is bucket * ways +
// way + 1.
type place struct {
	iface uint32
	vlan  bool       // the length of each packet is 4 more
	taken bool       // not free
	freed bool       // retired: free soon
	seen  [2]reading // as of the last Read
}

// reading is what a line has shown.
type reading struct{ packets, bytes uint64 }

// Open loads the program. It needs CAP_BPF, or CAP_SYS_ADMIN before Linux 5.8; nothing after
// it does.
func Open(cfg Config) (*Shunt, error) {
	s := &Shunt{cfg: cfg, seed: rand.Uint64(), sink: -1, retirement: defaultRetirement, shares: share.NewPool[uint32](Places),
		tcp: newPortSet(cfg.TCPPorts), udp: newPortSet(cfg.UDPPorts)}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// load makes the maps and the program.
func (s *Shunt) load() (err error) {
	if s.clock, err = newClock(); err != nil {
		return err
	}
	if s.bucketMap, s.mem, err = sharedArray("qb_flows", bucketSize, buckets); err != nil {
		return err
	}
	if s.ctrl, s.control, err = sharedArray("qb_live", 8, 1); err != nil {
		return err
	}
	s.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{Name: "qb_shunt", Type: ebpf.SocketFilter, License: "Apache-2.0",
		Instructions: program(settings{buckets: s.bucketMap.FD(), control: s.ctrl.FD(), seed: s.seed,
			silence: int64(s.cfg.Silence), hellos: s.cfg.ClientHellos})})
	if err != nil {
		return fmt.Errorf("loading the program that counts flows: %w", refused(err))
	}
	return nil
}

// sharedArray makes an array that the kernel's program and this process share.
func sharedArray(name string, value, entries uint32) (*ebpf.Map, []byte, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: name, Type: ebpf.Array, KeySize: 4, ValueSize: value, MaxEntries: entries,
		Flags: unix.BPF_F_MMAPABLE})
	if err != nil {
		return nil, nil, fmt.Errorf("making the counters of flows: %w", refused(err))
	}
	size := int(value * entries)
	page := os.Getpagesize()
	mem, err := unix.Mmap(m.FD(), 0, (size+page-1)/page*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return m, nil, fmt.Errorf("mapping the counters of flows: %w", err)
	}
	return m, mem, nil
}

// refused says what is needed for a call that the kernel has refused.
func refused(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w (needs CAP_BPF)", unix.EPERM)
	}
	return err
}

// Close removes the program and the counters. The ring that it was attached to goes on, and
// gets every packet.
func (s *Shunt) Close() error {
	s.attached.Store(false)
	var errs []error
	if s.control != nil {
		s.live().Store(0)
	}
	if s.sink >= 0 {
		errs = append(errs, unix.Close(s.sink))
	}
	for _, mem := range [][]byte{s.mem, s.control} {
		if mem != nil {
			errs = append(errs, unix.Munmap(mem))
		}
	}
	if s.program != nil {
		errs = append(errs, s.program.Close())
	}
	for _, m := range []*ebpf.Map{s.bucketMap, s.ctrl} {
		if m != nil {
			errs = append(errs, m.Close())
		}
	}
	s.sink, s.mem, s.control, s.program, s.bucketMap, s.ctrl = -1, nil, nil, nil, nil, nil
	return errors.Join(errs...)
}

// live is the number of flows that are counted, as the program sees it.
func (s *Shunt) live() *atomic.Uint64 { return word(s.control, 0) }

// word is a number in the shared memory.
func word(mem []byte, at int) *atomic.Uint64 { return (*atomic.Uint64)(unsafe.Pointer(&mem[at])) }
