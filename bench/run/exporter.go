package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// maxFlows is above the number of flows of every input, so that no exporter
// has to expire flows for want of room. It does not cost memory by itself.
const maxFlows = "2000000"

// newSoftflowd returns softflowd, which sends NetFlow 9 to the sink of the job
// or, without export, only keeps statistics.
func newSoftflowd(name string, export bool) *contender {
	return &contender{
		name:    name,
		missing: missingBinary("softflowd", "apt-get install softflowd"),
		peer:    true,
		version: []string{"softflowd", "-h"},
		count:   countSoftflowd,
		argv: func(j *job) ([]string, error) {
			// -6 has IPv6 metered without export, too. With a file
			// softflowd neither forks nor expires flows by time. The
			// timeouts of 0 turn off what is left of expiry.
			argv := []string{
				"softflowd", "-d", "-6", "-r", j.in.path, "-m", maxFlows,
				"-t", "maxlife=0", "-t", "expint=0", "-v", "9",
			}
			if export {
				argv = append(argv, "-n", j.sink)
			}

			return argv, nil
		},
	}
}

// Lines of the programs' reports.
var (
	softflowdFlowsRE   = regexp.MustCompile(`Flows expired: (\d+)`)
	softflowdPacketsRE = regexp.MustCompile(`Packets processed: (\d+)`)
	nfpcapdRE          = regexp.MustCompile(`Flows: (\d+), Packets: (\d+)`)
)

// countSoftflowd reads the statistics that softflowd prints at the end.
func countSoftflowd(j *job) (c counts, err error) {
	out, err := os.ReadFile(filepath.Join(j.dir, "stdout"))
	if err != nil {
		return c, err
	}

	flows, packets := softflowdFlowsRE.FindSubmatch(out), softflowdPacketsRE.FindSubmatch(out)
	if flows == nil || packets == nil {
		return c, fmt.Errorf("no statistics in %q", lastLines(out, 3))
	}

	return counts{Flows: number(flows[1]), Packets: number(packets[1])}, nil
}

// newNfpcapd returns nfpcapd, which writes flows in the format of nfdump.
func newNfpcapd() *contender {
	return &contender{
		name:    nfpcapdName,
		missing: missingBinary("nfpcapd", "apt-get install nfdump"),
		peer:    true,
		version: []string{"nfpcapd", "-V"},
		count:   countNfpcapd,
		argv: func(j *job) ([]string, error) {
			dir := filepath.Join(j.dir, "flows")
			// The idle timeout is that of the beats. The default cache
			// of 524,288 nodes is kept: a larger one is cleared page by
			// page at the start.
			argv := []string{"nfpcapd", "-r", j.in.path, "-w", dir, "-t", "3600", "-e", "1800,30"}

			return argv, os.Mkdir(dir, 0o700)
		},
	}
}

// countNfpcapd reads the line that nfpcapd prints for every file it writes. Its
// flows are those of one direction, and every ICMP packet is one.
func countNfpcapd(j *job) (c counts, err error) {
	tail, err := tailOf(filepath.Join(j.dir, "stderr"))
	if err != nil {
		return c, err
	}

	lines := nfpcapdRE.FindAllSubmatch(tail, -1)
	if lines == nil {
		return c, fmt.Errorf("no statistics in %q", lastLines(tail, 3))
	}

	for _, m := range lines {
		c.Flows += number(m[1])
		c.Packets += number(m[2])
	}

	return c, nil
}

// number returns the value of digits that a regular expression matched.
func number(digits []byte) int64 {
	n, _ := strconv.ParseInt(string(digits), 10, 64)

	return n
}
