package main

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/bench/criterion"
)

// What qubesbeat has to reach.
const (
	mostOfTcpdump   = 1.5  // CPU time of a frame without the shunt, as a multiple of tcpdump's that keeps 96 bytes
	mostOfBulk      = 1    // the same of a bulk transfer, with the shunt
	mostOfSoftflowd = 1    // as a multiple of softflowd's
	leastBulk       = 0.97 // throughput, as a part of that without any monitor
)

// criteria judges all inputs. What is skipped fails if the peers are required.
func (rep *report) criteria(requirePeers bool) (list []criterion.Criterion) {
	for _, in := range rep.Inputs {
		name, most := offName, float64(mostOfTcpdump)
		if in.Name == "bulk" {
			name, most = oursName, mostOfBulk
		}
		list = append(list,
			in.atMost(name, tcpdumpName, most),
			in.atMost(name, softName, mostOfSoftflowd),
			in.noDrops(oursName, tcpdumpName))
		if in.Name == "bulk" {
			list = append(list, in.throughput(), in.noDrops(dumpName, ""))
		} else {
			list = append(list, in.noDrops(offName, tcpdumpName))
		}
	}
	return criterion.Complete(list, requirePeers)
}

// atMost demands that the CPU time of a frame of one of our settings is at most factor times
// the peer's.
func (in *inputReport) atMost(name, peer string, factor float64) criterion.Criterion {
	text := fmt.Sprintf("%s: CPU of %s / %s <= %g", in.Name, name, peer, factor)
	return in.judge(text, []string{name, peer}, func() (float64, bool) {
		ratio := in.result(name).median(process) / in.result(peer).median(process)
		return ratio, ratio <= factor
	})
}

// throughput demands that a bulk transfer is not slowed down.
func (in *inputReport) throughput() criterion.Criterion {
	text := fmt.Sprintf("%s: throughput with %s / %s >= %g", in.Name, oursName, noneName, leastBulk)
	return in.judge(text, []string{oursName, noneName}, func() (float64, bool) {
		ratio := in.result(oursName).median(gbit) / in.result(noneName).median(gbit)
		return ratio, ratio >= leastBulk
	})
}

// noDrops demands that the kernel drops no frame for a contender, in no round; with a peer,
// only if it drops none for that.
func (in *inputReport) noDrops(name, peer string) criterion.Criterion {
	text, needs := fmt.Sprintf("%s: frames that the kernel drops for %s = 0", in.Name, name), []string{name}
	if peer != "" {
		needs = append(needs, peer)
	}
	return in.judge(text, needs, func() (float64, bool) {
		n := in.result(name).most(dropped)
		return n, n == 0 || peer != "" && in.result(peer).most(dropped) > 0
	})
}

// judge applies a criterion if all contenders have run.
func (in *inputReport) judge(text string, needs []string, value func() (float64, bool)) criterion.Criterion {
	for _, name := range needs {
		if !in.result(name).ran() {
			v := criterion.Skip
			if (name == oursName || name == offName) && in.Missing == "" {
				v = criterion.Fail
			}
			return criterion.Criterion{Verdict: v, Text: text + ": " + name + " did not run"}
		}
	}
	n, ok := value()
	return criterion.Of(ok, fmt.Sprintf("%s: %.2f", text, n))
}
