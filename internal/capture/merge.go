package capture

import (
	"errors"
	"io"
)

// Merge joins several sources in the order of packet time, like mergecap: rotated
// files of one capture follow each other, files written at the same time
// interleave.
type Merge struct {
	sources []Source
	heads   []head
	last    int // index of the source whose frame was delivered last, -1 at the start
	faults  []error
	names   *Interfaces
}

type head struct {
	frame Frame
	done  bool
}

var _ Source = (*Merge)(nil) // type check

// NewMerge returns a source that merges sources, which must be at least one and
// share names. Close closes them.
func NewMerge(names *Interfaces, sources ...Source) *Merge {
	return &Merge{sources: sources, heads: make([]head, len(sources)), last: -1, names: names}
}

// Next implements [Source]. If a source fails, the others go on; at their end Next
// returns the joined faults in place of io.EOF.
func (m *Merge) Next(f *Frame) error {
	if m.last < 0 {
		for i := range m.sources {
			m.advance(i)
		}
	} else {
		m.advance(m.last)
	}
	best := m.earliest()
	if best < 0 {
		return m.end()
	}
	m.last = best
	*f = m.heads[best].frame
	return nil
}

// advance reads the next frame of source i.
func (m *Merge) advance(i int) {
	if m.heads[i].done {
		return
	}
	err := m.sources[i].Next(&m.heads[i].frame)
	if err == nil {
		return
	}
	m.heads[i].done = true
	if !errors.Is(err, io.EOF) {
		m.faults = append(m.faults, err)
	}
}

// earliest returns the index of the source with the earliest frame, -1 at the end
// of all.
func (m *Merge) earliest() int {
	best := -1
	for i := range m.heads {
		if m.heads[i].done {
			continue
		}
		if best < 0 || m.heads[i].frame.Time < m.heads[best].frame.Time {
			best = i
		}
	}
	return best
}

// end returns the joined faults of the sources, or io.EOF.
func (m *Merge) end() error {
	if err := errors.Join(m.faults...); err != nil {
		return err
	}
	return io.EOF
}

// Interfaces implements [Source].
func (m *Merge) Interfaces() *Interfaces { return m.names }

// Stats implements [Source]; it returns the sums over the sources.
func (m *Merge) Stats() (sum Stats) {
	for _, s := range m.sources {
		one := s.Stats()
		sum.KernelDrops += one.KernelDrops
		sum.Bytes += one.Bytes
		sum.Size += one.Size
	}
	return sum
}

// Close implements [Source].
func (m *Merge) Close() error {
	var errs []error
	for _, s := range m.sources {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
