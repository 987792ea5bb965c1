package beater

import (
	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/module/flow"
)

// Flags are the run flags that qubesbeat shares with packetbeat.
type Flags struct {
	flow.Replay        // -I, -l, -O, -t
	Dump        string // -dump
}

// merge combines the flags with the file keys of the first interface.
func (f Flags) merge(first *config.Interface) Flags {
	if f.Dump == "" {
		f.Dump = first.Dumpfile
	}
	if len(f.Files) == 0 && first.File != "" {
		f.Files = []string{first.File}
		f.TopSpeed = f.TopSpeed || first.TopSpeed
		f.OneByOne = f.OneByOne || first.OneAtATime
		if first.Loop != nil && f.Loop == 1 {
			f.Loop = *first.Loop
		}
	}
	return f
}
