package cmd

import (
	"cmp"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// inspectEvent returns what an archive recognizes events by: their event.id, or their
// content where they have none.
func inspectEvent() func([]byte) (string, time.Time, error) {
	var parser eventfile.Parser
	return func(line []byte) (string, time.Time, error) {
		e, err := parser.Parse(line)
		return cmp.Or(e.EventID, e.ID), e.Time, err
	}
}
