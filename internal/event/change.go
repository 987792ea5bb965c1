package event

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// QubeChange tells that a qube appeared in the inventory, changed or vanished.
type QubeChange struct {
	At            time.Time
	Action        string     // appeared, changed or vanished
	Before, After *qube.Qube // one is nil where the qube appeared or vanished
	Fields        []string   // what changed
}

// Counter is one number of a [Stats] event.
type Counter struct {
	Group, Name string
	Value       uint64
}

// Stats tells what the beat has done and lost since it started, so that an
// analyst sees losses in the data itself.
type Stats struct {
	At       time.Time
	Started  time.Time
	Last     bool // the beat is stopping
	Counters []Counter
}
