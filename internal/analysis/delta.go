package analysis

import (
	"io"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// Bounds of what is read ahead.
const (
	maxAhead      = 8 << 20 // bytes
	maxAheadFlows = 2000
	// enoughGrowing is after how many reports whose counters have grown, and have not
	// begun again, a file is taken for one without delta reports. Of a file with them,
	// each report after the first has even odds to be smaller than the one before.
	enoughGrowing = 64
)

// deltaDetector finds out whether the events of a file count from the event before of the
// same flow: then their counters fall. Those of others never do.
type deltaDetector struct {
	isDelta bool
	growing int
	last    map[string][2]uint64 // bytes of both sides, by flow.id
}

// read reads the beginning of a file, until it is known.
func (d *deltaDetector) read(r io.Reader) error {
	d.last = map[string][2]uint64{}
	l := newLine()
	lines := eventfile.NewLines(r, eventfile.MaxLine)
	for lines.End < maxAhead && !d.isDelta && d.growing < enoughGrowing {
		text, _, err := lines.Next()
		if err != nil {
			return err
		}
		if len(text) > 0 && l.Read(text) == nil && l.is(fDataset, "flow") {
			d.add(l)
		}
	}
	return nil
}

// add compares a flow event with the one before of the same flow.
func (d *deltaDetector) add(l *line) {
	id := l.text(fFlowID)
	now := [2]uint64{l.uint(fSourceBytes), l.uint(fDestinationBytes)}
	before, ok := d.last[id]
	if ok && (now[0] < before[0] || now[1] < before[1]) {
		d.isDelta = true
	}
	if ok && now != before {
		d.growing++
	}
	switch {
	case l.value(fFinal).IsTrue():
		delete(d.last, id) // the flow may go on, with new counters
	case ok || len(d.last) < maxAheadFlows:
		d.last[id] = now
	}
}
