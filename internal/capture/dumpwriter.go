package capture

import (
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// flushEvery bounds the delay after which a program that follows the file sees a
// frame, and is how often a disk that refuses is tried again.
const flushEvery = time.Second

// run writes the chunks until the dump is closed: those that are complete at once, the
// others every second.
func (d *Dump) run() {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	var held []*chunk
	for last := false; !last; {
		due := false
		select {
		case <-d.queue.wake:
		case <-tick.C:
			due = true
		}
		held, last = d.queue.take(held)
		if due || last || d.cfg.Blocking || !d.failing.Load() { // a disk that refuses is tried at the next tick
			held = d.write(held, due || last, d.cfg.Blocking || last)
		}
	}
}

// write writes the complete chunks and, if partial is set, what there is of the others.
// What the disk refuses waits, and with it what follows in the same file; if giveUp is
// set, it is left out. It returns the chunks that are still needed.
func (d *Dump) write(held []*chunk, partial, giveUp bool) []*chunk {
	if d.files.first != nil && len(held) > 0 {
		_, _ = d.files.file(held[0].link) // it exists; chunks are in the order in which they were begun
	}
	var fault error
	failed := map[packet.Link]error{}
	held = slices.DeleteFunc(held, func(c *chunk) (done bool) {
		bytes, records, sealed := c.published()
		if !sealed && !partial {
			return false
		}
		err := failed[c.link]
		if err == nil {
			err = d.store(c, bytes, records)
		}
		if err != nil {
			fault = err
			if !giveUp {
				failed[c.link] = err
				return false
			}
			d.leaveOut(c, bytes, records)
		}
		if sealed {
			d.pool.put(c)
		}
		return sealed
	})
	d.report(fault)
	return held
}

// store writes what is new in a chunk to its file, as far as the disk takes it.
func (d *Dump) store(c *chunk, bytes int, records uint64) error {
	f, err := d.files.file(c.link)
	if err != nil {
		return err
	}
	stored, err := f.append(c.data[c.taken.bytes:bytes])
	if err == nil {
		stored = extent{bytes - c.taken.bytes, records - c.taken.records}
	}
	d.written.Add(stored.records)
	c.taken.bytes, c.taken.records = c.taken.bytes+stored.bytes, c.taken.records+stored.records
	return err
}

// leaveOut counts what the disk has refused of a chunk.
func (d *Dump) leaveOut(c *chunk, bytes int, records uint64) {
	d.drop(records-c.taken.records, true)
	c.taken = extent{bytes, records}
}

// drop counts frames that are not in the files.
func (d *Dump) drop(frames uint64, refused bool) {
	d.dropped.Add(frames)
	if refused {
		d.refused.Add(frames)
	}
}

// report calls OnFault when the state of the disk has changed.
func (d *Dump) report(fault error) {
	if fault != nil {
		d.fault = fault
	}
	if failing := fault != nil; d.failing.Swap(failing) != failing && d.cfg.OnFault != nil {
		d.cfg.OnFault(fault)
	}
}
