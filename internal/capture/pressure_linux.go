package capture

import (
	"sync/atomic"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// pressure says how many of a ring's blocks wait to be read. A frame that is not captured
// is in no flow, one that is cut is: with segmentation offload a frame has up to 64 KiB, and
// with whole frames a ring of 24 MiB lasts for the 200th part of a second of a fast transfer.
type pressure uint8

// The pressures, each with a program for the socket.
const (
	calm      pressure = iota
	strained           // a third of the blocks wait: SnapPolicy.Relief
	squeezed           // two thirds wait: the headers of every frame
	pressures = 3
)

// quietBlocks is how many blocks must be read while less than an eighth of the ring waits
// before frames are captured as long as before.
const quietBlocks = 8

// under returns the policy under pressure.
func (p SnapPolicy) under(at pressure) SnapPolicy {
	if at >= strained && p.Relief > 0 {
		p.HeaderLen = p.Relief
	}
	if at == squeezed {
		p.FullLen = min(orDefault(p.FullLen, WholeFrame), orDefault(p.HeaderLen, DefaultSnap))
	}
	return p
}

// build returns the programs of all pressures.
func (r *Ring) build(refused []uint32, filters map[uint32]int) (all [pressures][]bpf.RawInstruction, err error) {
	for at := range all {
		if all[at], err = r.program(refused, filters, r.cfg.Snap.under(pressure(at))); err != nil {
			return all, err
		}
	}
	return all, nil
}

// replace sets the programs of a ring and attaches one of them.
func (r *Ring) replace(programs [pressures][]bpf.RawInstruction) error {
	r.filter.Lock()
	defer r.filter.Unlock()
	r.programs = programs
	if r.drained.Load() {
		return nil
	}
	return attach(r.fd, programs[r.attached])
}

// waiting returns the pressure. The kernel fills the blocks in turn, so that it shows
// from one block if all before it wait, too.
func (r *Ring) waiting() pressure {
	blocks := len(r.mem) / blockSize
	switch {
	case r.waits(blocks * 2 / 3):
		return squeezed
	case r.waits(blocks / 3):
		return max(strained, r.pressure)
	case r.pressure == calm:
		return calm
	case r.waits(blocks / 8):
		r.quiet = 0
		return r.pressure
	}
	if r.quiet++; r.quiet < quietBlocks {
		return r.pressure
	}
	return calm
}

// waits reports whether the block that is n blocks ahead can be read.
func (r *Ring) waits(n int) bool {
	ahead := (r.block + n) % (len(r.mem) / blockSize)
	return atomic.LoadUint32(&r.header(ahead).Block_status)&unix.TP_STATUS_USER != 0
}

// feel attaches the program of a pressure if it is another one than before. If the kernel
// refuses it, which it does for want of memory, the next block tries again.
func (r *Ring) feel(now pressure) {
	if now == r.pressure {
		return
	}
	r.filter.Lock()
	defer r.filter.Unlock()
	if !r.drained.Load() && attach(r.fd, r.programs[now]) != nil {
		return
	}
	if now > r.pressure {
		r.reliefs.Add(1)
	}
	r.pressure, r.attached, r.quiet = now, now, 0
}
