package pipeline

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

// pause handles what Next returned instead of a frame. done reports whether the
// source is at its end.
func (m *Meter) pause(err error) (done bool, fault error) {
	switch {
	case errors.Is(err, capture.ErrIdle):
		m.tick()
		m.setIdle(m.mayIdle())
		return false, nil
	case errors.Is(err, capture.ErrAgain):
		if m.table != nil {
			m.inTable = true
			m.table.Restart()
			m.inTable = false
		}
		return false, nil
	case errors.Is(err, io.EOF):
		return true, nil
	}
	return true, fmt.Errorf("reading packets: %w", err)
}

// tick has time pass for the table and the taps.
func (m *Meter) tick() {
	if m.now == nil {
		return
	}
	now := m.now()
	if m.table != nil {
		m.inTable = true
		m.table.Advance(now)
		m.inTable = false
	}
	for _, t := range m.tickers {
		t.Tick(now)
	}
}

// How long a source may wait for a packet. With packets in the batch it is
// shortIdle: that is how late they may be metered. Without, it is until a flow is
// due, but records need not be more exact than shortIdle, and a clock that was set
// is noticed after longIdle.
const (
	shortIdle = capture.DefaultIdle
	longIdle  = 10 * time.Second
	tickIdle  = time.Second // if a tap wants the time
)

// mayIdle returns how long the source may wait while the batch is empty.
func (m *Meter) mayIdle() time.Duration {
	most := longIdle
	if len(m.tickers) > 0 {
		most = tickIdle
	}
	if m.table == nil {
		return most
	}
	due, ok := m.table.NextExpiry()
	if !ok || m.now == nil {
		return most
	}
	longest := most
	if m.table.Shunted() > 0 {
		longest = min(longest, sweepEvery)
	}
	return min(max(time.Duration(due-m.now()), shortIdle), longest)
}

// setIdle sets how long the source may wait, if it does.
func (m *Meter) setIdle(d time.Duration) {
	if m.waiter == nil {
		return
	}
	m.waiter.SetIdle(d)
	m.long = d > shortIdle
}

// drain meters what a live source still holds after ctx has ended.
func (m *Meter) drain(fault error) error {
	if m.live == nil || fault != nil {
		return fault
	}
	if err := m.live.Drain(); err != nil {
		return err
	}
	for {
		f := &m.frames[m.n]
		if m.source.Next(f) != nil {
			break
		}
		if m.guard.Do(func() []byte { return f.Data }, func() { m.take(f) }) != nil {
			m.repair()
			_ = m.guard.Do(nil, m.flush)
		}
		m.repair()
	}
	_ = m.guard.Do(nil, m.flush)
	m.repair()
	return nil
}

// Wake has the meter call [Gauge.Share] soon, also while no packet comes. It is safe for
// concurrent use.
func (m *Meter) Wake() {
	if m.waiter != nil {
		m.waiter.Wake()
	}
}
