package capture

import (
	"sync/atomic"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// under returns the policy under pressure.
func (p SnapPolicy) under(at pressure) SnapPolicy {
	if at >= strained && p.Relief > 0 {
		p.HeaderLen, p.PlainLen = p.Relief, 0
	}
	if at == squeezed {
		p.FullLen = min(orDefault(p.FullLen, WholeFrame), orDefault(p.HeaderLen, DefaultSnap))
	}
	return p
}

// build returns the programs of all pressures.
func (r *Ring) build(in *filterInput) (all [pressures][]bpf.RawInstruction, err error) {
	for at := range all {
		if all[at], err = r.program(in, pressure(at), nil); err != nil {
			return all, err
		}
	}
	return all, nil
}

// replace sets the programs of a ring, which were made of in, and attaches one of them.
func (r *Ring) replace(in *filterInput, programs [pressures][]bpf.RawInstruction) error {
	r.filter.Lock()
	defer r.filter.Unlock()
	r.programs, r.input = programs, in
	if len(r.loading) > 0 {
		r.programs[strained] = r.relief(r.loading)
	}
	if r.drained.Load() {
		return nil
	}
	return attach(r.fd, programs[r.attached])
}

// waiting returns the pressure for the block that is read next. The kernel fills the blocks
// in turn, so that it shows from one block if all before it wait, too.
func (r *Ring) waiting() pressure {
	blocks, level := len(r.mem)/blockSize, few
	switch {
	case r.waits(blocks * 2 / 3):
		level = twoThirds
	case r.waits(blocks / 3):
		level = third
	case r.waits(blocks / 8):
		level = some
	}
	return r.gauge.next(level, stampOf(r.header(r.block).Ts_last_pkt))
}

// waits reports whether the block that is n blocks ahead can be read.
func (r *Ring) waits(n int) bool {
	ahead := (r.block + n) % (len(r.mem) / blockSize)
	return atomic.LoadUint32(&r.header(ahead).Block_status)&unix.TP_STATUS_USER != 0
}

// feel attaches the program of a pressure if it is another one than before. If the kernel
// refuses it, which it does for want of memory, the next block tries again.
func (r *Ring) feel(now pressure) {
	if now == r.gauge.now && (now != strained || !r.heavier()) {
		return
	}
	if now == strained && r.gauge.now != strained {
		r.heavy.begin(r.heavyNow())
	}
	r.filter.Lock()
	defer r.filter.Unlock()
	programs := &r.programs
	if now == strained {
		programs[strained] = r.relief(r.heavy.all)
	}
	if !r.drained.Load() && attach(r.fd, programs[now]) != nil {
		return
	}
	r.loading = nil
	if now == strained {
		r.loading = r.heavy.all
	}
	if now > r.gauge.now {
		r.reliefs.Add(1)
	}
	r.gauge.now, r.attached = now, now
}
