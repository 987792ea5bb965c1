package cmd

import (
	"flag"
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/beater"
)

// defineFlags registers the flags with a flag set and returns where their values
// arrive.
func defineFlags(set *flag.FlagSet) *beater.Flags {
	f := &beater.Flags{}
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
