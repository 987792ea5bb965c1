package eventfile

import (
	"bytes"
	"errors"
	"io"
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

// Ahead reads the beginning of a file of events, up to some megabytes. It returns a reader of
// the whole content, and whether its flows have delta reports (flows.enable_delta_flow_reports),
// so that the counters of all events of a flow add up, and not those of the final one alone.
// An error of r comes from the reader that is returned, behind what could be read.
func Ahead(r io.Reader) (all io.Reader, isDelta bool) {
	var ahead bytes.Buffer
	d := deltaDetector{Fields: NewFields(deltaPaths[:]...), last: map[string][2]uint64{}}
	rest := r
	if err := d.read(io.TeeReader(r, &ahead)); err != nil && !errors.Is(err, io.EOF) {
		rest = broken{err}
	}
	return io.MultiReader(&ahead, rest), d.isDelta
}

// broken is what is left of a file after an error.
type broken struct{ err error }

// Read implements [io.Reader].
func (b broken) Read([]byte) (int, error) { return 0, b.err }

// The fields that tell.
const (
	deltaDataset = iota
	deltaFlow
	deltaFinal
	deltaSource
	deltaDestination
	deltaFields
)

var deltaPaths = [deltaFields]string{deltaDataset: "event.dataset", deltaFlow: "flow.id", deltaFinal: "flow.final", deltaSource: "source.bytes", deltaDestination: "destination.bytes"}

// deltaDetector finds out whether the events of a file count from the event before of the
// same flow: then their counters fall. Those of others never do.
type deltaDetector struct {
	*Fields
	isDelta bool
	growing int
	last    map[string][2]uint64 // bytes of both sides, by flow.id
}

// read reads the beginning of a file, until it is known.
func (d *deltaDetector) read(r io.Reader) error {
	lines := NewLines(r, MaxLine)
	for lines.End < maxAhead && !d.isDelta && d.growing < enoughGrowing {
		text, _, err := lines.Next()
		if err != nil {
			return err
		}
		if len(text) > 0 && d.Read(text) == nil && string(d.Value(deltaDataset).Bytes()) == "flow" {
			d.add()
		}
	}
	return nil
}

// add compares a flow event with the one before of the same flow, if it says of which it is.
func (d *deltaDetector) add() {
	id := d.Value(deltaFlow).Text()
	if id == "" {
		return
	}
	now := [2]uint64{d.Value(deltaSource).Uint(), d.Value(deltaDestination).Uint()}
	before, ok := d.last[id]
	if ok && (now[0] < before[0] || now[1] < before[1]) {
		d.isDelta = true
	}
	if ok && now != before {
		d.growing++
	}
	switch {
	case d.Value(deltaFinal).IsTrue():
		delete(d.last, id) // the flow may go on, with new counters
	case ok || len(d.last) < maxAheadFlows:
		d.last[id] = now
	}
}
