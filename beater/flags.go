package beater

import (
	"flag"
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/module/flow"
)

// Flags are the run flags that qubesbeat shares with packetbeat.
type Flags struct {
	flow.Replay        // -I, -l, -O, -t
	Dump        string // -dump
}

// Define registers the flags with a flag set and returns where their values
// arrive.
func Define(set *flag.FlagSet) *Flags {
	f := &Flags{}
	set.Var((*fileList)(&f.Files), "I", "Read packets from this capture `file` (pcap or pcapng, - for standard input); may be given several times")
	set.IntVar(&f.Loop, "l", 1, "Loop file. 0 - loop forever")
	set.BoolVar(&f.OneByOne, "O", false, "Read packets one at a time (press Enter)")
	set.BoolVar(&f.TopSpeed, "t", false, "Read packets as fast as possible, without sleeping")
	set.StringVar(&f.Dump, "dump", "", "Write all captured packets to libpcap files with this `prefix` - a timestamp and pcap extension are added")
	return f
}

// fileList collects the values of a flag that is given several times. libbeat
// parses the command line twice, so a value counts once.
type fileList []string

// String implements flag.Value.
func (l *fileList) String() string { return strings.Join(*l, ", ") }

// Set implements flag.Value.
func (l *fileList) Set(v string) error {
	if !slices.Contains(*l, v) {
		*l = append(*l, v)
	}
	return nil
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
