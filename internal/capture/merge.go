package capture

import (
	"errors"
	"io"
)

// Merge is several sources as one, in the order of packet time, as mergecap
// does it: files of one capture that was rotated follow each other, files that
// were written side by side interleave.
type Merge struct {
	sources []Source
	heads   []head
	last    int // whose frame was handed out, -1 at the start
	faults  []error
	names   *Interfaces
}

type head struct {
	frame Frame
	done  bool
}

var _ Source = (*Merge)(nil) // type check

// NewMerge merges sources that share names. There must be at least one. The
// sources are closed with the Merge.
func NewMerge(names *Interfaces, sources ...Source) *Merge {
	return &Merge{sources: sources, heads: make([]head, len(sources)), last: -1, names: names}
}

// Next implements [Source]. A source that fails is left behind and the others go
// on; the faults come, joined, in place of io.EOF.
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

func (m *Merge) end() error {
	if err := errors.Join(m.faults...); err != nil {
		return err
	}
	return io.EOF
}

// Interfaces implements [Source].
func (m *Merge) Interfaces() *Interfaces { return m.names }

// Stats implements [Source]; it adds up the sources' own.
func (m *Merge) Stats() (sum Stats) {
	for _, s := range m.sources {
		one := s.Stats()
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
