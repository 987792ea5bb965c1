package pipeline

import (
	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// checkEvery is how many packets pass at most between two looks at the context
// and two updates of the shared counters. A live source that had to wait for a
// packet causes a look at once.
const checkEvery = 1024

// readBatch meters up to checkEvery packets. done reports whether the source is at
// its end. A panic ends the batch.
func (m *Meter) readBatch() (done bool, fault error) {
	defer m.repair()
	defer m.guard.Recover(&m.reading)
	m.working, m.armed = true, m.guard.Armed()
	done, fault = m.readFrames()
	m.working = false
	return done, fault
}

// readFrames meters up to checkEvery packets.
func (m *Meter) readFrames() (done bool, fault error) {
	m.flush() // what a panic has left
	for range checkEvery {
		f := &m.frames[m.n]
		if err := m.source.Next(f); err != nil {
			m.flush()
			done, fault = m.pause(err)
			m.flushWatcher(true)
			return done, fault
		}
		m.take(f)
		if m.waiter != nil && (m.long || m.waiter.Waited()) {
			m.setIdle(shortIdle)
			break // nothing was waiting: there is time to look up
		}
	}
	m.flush()
	m.flushWatcher(true)
	return false, nil
}

// take is the path of every packet: it is decoded at once, for its bytes belong
// to the source, and metered with the next ones together.
func (m *Meter) take(f *capture.Frame) {
	m.reading = f.Data
	if m.dump != nil {
		m.dump(f)
	}
	if m.armed {
		m.guard.Probe(f.Data)
	}
	status := f.Decode(&m.batch[m.n])
	m.own.Status[status]++
	m.own.StatusBytes[status] += uint64(f.Length)
	if status == packet.OK {
		if m.wanted != 0 {
			if kinds := packet.KindsOf(&m.batch[m.n], f.Data) & m.wanted; kinds != 0 { // hardly any
				m.show(kinds, &m.batch[m.n], f.Data)
			}
		}
		m.n++
	} else {
		m.refuse(f, status)
	}
	if m.n == flow.BatchSize || m.retains && !f.Held {
		m.flush()
	}
}

// refuse takes a frame that could not be decoded.
func (m *Meter) refuse(f *capture.Frame, status packet.Status) {
	if status == packet.Unsupported && m.own.Status[status] == 1 {
		m.link = f.Link
	}
	strange := m.strange
	if status != packet.NonIP {
		strange = nil
	}
	if len(strange) == 0 && m.keeper == nil {
		return
	}
	m.flush() // what came before, in order
	for _, t := range strange {
		t.Frame(f)
	}
	if m.keeper != nil {
		m.frames[0] = *f
		m.keeper.Keep(m.frames[:1], nil, m.table, nil)
	}
}

// flush meters the packets that wait.
func (m *Meter) flush() {
	n := m.n
	m.n = 0
	if m.table != nil {
		m.update(n)
	}
	if m.gauge != nil {
		m.gauge.Packets(m.batch[:n])
	}
	if m.keeper != nil && n > 0 {
		m.keeper.Keep(m.frames[:n], m.batch[:n], m.table, m.refs[:n])
	}
	if m.judge != nil {
		m.judge.Packets(m.batch[:n], m.frames[:n], m.refs[:n])
	}
	if n > 0 {
		m.flushWatcher(false)
	}
}

func (m *Meter) flushWatcher(idle bool) {
	if m.watcher != nil {
		m.watcher.Flush(idle)
	}
}

// update meters the first n packets of the batch into the table.
func (m *Meter) update(n int) {
	m.inTable = true
	if m.retains {
		m.table.UpdateBatchRefs(m.batch[:n], &m.refs)
	} else {
		m.table.UpdateBatch(m.batch[:n])
	}
	m.inTable = false
}
