package event

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// QubeChange reports that a qube has appeared in the inventory, changed or
// vanished.
type QubeChange struct {
	At            time.Time
	Action        string     // appeared, changed or vanished
	Before, After *qube.Qube // Before is nil if the qube has appeared, After if it has vanished
	Fields        []string   // names of the properties that have changed
}

// Counter is one number of a [Stats] event, or a word that belongs to one.
type Counter struct {
	Group, Name string
	Value       uint64
	Text        string // instead of Value, unless it is empty
}

// Stats reports what the beat has processed and lost since it started, so that an
// analyst sees losses in the data itself.
type Stats struct {
	At       time.Time
	Started  time.Time
	Last     bool // the beat is stopping
	Counters []Counter
}
