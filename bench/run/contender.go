package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// Names of the contenders.
const (
	oursDiscard       = "qubesbeat"
	oursFile          = "qubesbeat-file"
	oursPorts         = "qubesbeat-ports"
	oursAll           = "qubesbeat-all"
	oursMeter         = "qubesbeat-meter"
	oursVerify        = "qubesbeat-verify"
	oursDetect        = "qubesbeat-detect"
	beforeDiscard     = "before"
	beforeFile        = "before-file"
	packetbeatAll     = "packetbeat-all"
	packetbeatDiscard = "packetbeat"
	packetbeatFile    = "packetbeat-file"
	softflowdExport   = "softflowd"
	softflowdSilent   = "softflowd-noexport"
	nfpcapdName       = "nfpcapd"
)

// job is what a contender has to do in one run.
type job struct {
	in *input

	// dir is a fresh directory for configuration and output. Standard output
	// and error go to the files stdout and stderr in it.
	dir string

	// sink is the UDP address of a collector.
	sink string
}

// counts is what a contender reports of a run. Negative numbers are unknown.
type counts struct {
	Flows   int64 `json:"flows"`
	Packets int64 `json:"packets"`
}

// contender is a program in one of its settings.
type contender struct {
	// argv prepares j.dir and returns the command.
	argv func(j *job) ([]string, error)

	// count returns what the finished run reported.
	count func(j *job) (counts, error)

	// version is a command that prints the version. It may be empty.
	version []string

	name string

	// kind is the only kind of input that the contender is for, or empty.
	kind string

	// missing is the reason why the contender cannot run, or empty.
	missing string

	// peer is true for all programs but qubesbeat.
	peer bool
}

// allContenders returns the contenders that o asks for, including those that
// cannot run. It builds packetbeat if it has to.
func allContenders(ctx context.Context, o *options) (list []*contender, err error) {
	var builtReason string
	wanted := func(name string) bool {
		return o.only == "" || slices.Contains(strings.Split(o.only, ","), name)
	}

	if o.packetbeat == "" && (wanted(packetbeatDiscard) || wanted(packetbeatFile)) {
		o.packetbeat, builtReason = buildPacketbeat(ctx, o)
	}

	ours := missingBinary(o.qubesbeat, "give its path with -qubesbeat or QUBESBEAT")
	theirs := builtReason
	if theirs == "" {
		theirs = missingBinary(o.packetbeat, "leave -packetbeat out to have it built")
	}

	all := []*contender{
		newBeat(oursDiscard, o.qubesbeat, "qubesbeat", ours, false, ""),
		newBeat(oursFile, o.qubesbeat, "qubesbeat", ours, true, ""),
		newBeat(packetbeatDiscard, o.packetbeat, "packetbeat", theirs, false, ""),
		newBeat(packetbeatFile, o.packetbeat, "packetbeat", theirs, true, ""),
		onlyFor("synth", newBeat(oursPorts, o.qubesbeat, "qubesbeat", ours, false, portProtocols)),
		onlyFor(calmInput, newBeat(oursAll, o.qubesbeat, "qubesbeat", ours, false, allProtocols)),
		onlyFor(calmInput, newBeat(packetbeatAll, o.packetbeat, "packetbeat", theirs, false, allProtocols)),
		newObserving(oursMeter, o.qubesbeat, ours, false, false),
		newObserving(oursVerify, o.qubesbeat, ours, true, false),
		newObserving(oursDetect, o.qubesbeat, ours, false, true),
		newSoftflowd(softflowdExport, true),
		newSoftflowd(softflowdSilent, false),
		newNfpcapd(),
	}

	if o.before != "" {
		before := missingBinary(o.before, "give the path of an earlier qubesbeat with -before")
		all = append(all,
			newBeat(beforeDiscard, o.before, "qubesbeat", before, false, ""),
			newBeat(beforeFile, o.before, "qubesbeat", before, true, ""))
	}

	for _, c := range all {
		if !wanted(c.name) {
			continue
		}

		list = append(list, c)
		if c.missing == "" {
			continue
		}

		fmt.Fprintf(os.Stderr, "run: skipping %s: %s\n", c.name, c.missing)
		if c.peer && o.requirePeers {
			err = errors.Join(err, fmt.Errorf("%s is missing: %s", c.name, c.missing))
		}
	}

	return list, err
}

// onlyFor restricts a contender to a kind of input.
func onlyFor(kind string, c *contender) *contender {
	c.kind = kind

	return c
}

// missingBinary returns why the program cannot run, or an empty string.
func missingBinary(path, hint string) string {
	if path == "" {
		return "no binary; " + hint
	}

	if _, err := exec.LookPath(path); err != nil {
		return fmt.Sprintf("%v; %s", err, hint)
	}

	return ""
}

// versionRE matches a version number.
var versionRE = regexp.MustCompile(`\d+\.\d+\.\d+[-+\w]*`)

// versionOf returns the version that c prints, or an empty string.
func versionOf(ctx context.Context, c *contender) string {
	if len(c.version) == 0 || c.missing != "" {
		return ""
	}

	// softflowd prints its version with the usage and exits with an error.
	out, _ := exec.CommandContext(ctx, c.version[0], c.version[1:]...).CombinedOutput()

	return string(versionRE.Find(out))
}
