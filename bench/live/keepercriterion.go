package main

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/bench/criterion"
)

// What the store of packets has to reach: CPU time of a frame with meter, store and index, as
// a multiple of the peer's; and that of the store alone, in microseconds.
var (
	mostOfPeers = map[string]map[string]float64{
		"508":  {dumpcapName: 0.6, netsniffName: 0.75, tcpdumpWName: 1.3},
		"1496": {tcpdumpWName: 1},
	}
	mostForStore = map[string]float64{"60": 0.3, "508": 0.5, "1496": 1.1}
)

// leastPeerLoss is the part of a bulk transfer that dumpcap loses beside us, in percent.
const leastPeerLoss = 10

// keeping judges the contenders that keep packets.
func (rep *report) keeping(requirePeers bool) (list []criterion.Criterion) {
	for _, in := range rep.Inputs {
		for _, peer := range []string{dumpcapName, netsniffName, tcpdumpWName} {
			if most, ok := mostOfPeers[in.Name][peer]; ok {
				list = append(list, in.ratio(packetsName, peer, most))
			}
		}
		if most, ok := mostForStore[in.Name]; ok {
			list = append(list, in.alone(most))
		}
		if in.Name == "bulk" {
			list = append(list, in.nothingLost(), in.peerLoses())
		}
	}
	return criterion.Complete(list, requirePeers)
}

// ratio demands that a contender's CPU time of a frame is at most factor times the peer's.
func (in *inputReport) ratio(name, peer string, factor float64) criterion.Criterion {
	text := fmt.Sprintf("%s: CPU of %s / %s <= %g", in.Name, name, peer, factor)
	return in.judge(text, []string{name, peer}, func() (float64, bool) {
		ratio := in.result(name).median(process) / in.result(peer).median(process)
		return ratio, ratio <= factor
	})
}

// alone demands that storing a frame takes at most so many microseconds more than metering.
func (in *inputReport) alone(most float64) criterion.Criterion {
	text := fmt.Sprintf("%s: CPU of %s - %s <= %g µs", in.Name, packetsName, oursName, most)
	return in.judge(text, []string{packetsName, oursName}, func() (float64, bool) {
		more := in.result(packetsName).median(process) - in.result(oursName).median(process)
		return more, more <= most
	})
}

// nothingLost demands that neither the kernel nor the store loses a frame of a bulk transfer:
// each is stored, with its headers at least.
func (in *inputReport) nothingLost() criterion.Criterion {
	text := fmt.Sprintf("%s: frames that kernel or store lose for %s = 0", in.Name, packetsName)
	return in.judge(text, []string{packetsName}, func() (float64, bool) {
		n := in.result(packetsName).most(dropped)
		return n, n == 0
	})
}

// peerLoses demands that dumpcap loses more than a part of the same transfer, else the input
// was no test.
func (in *inputReport) peerLoses() criterion.Criterion {
	text := fmt.Sprintf("%s: %% that %s loses > %d", in.Name, dumpcapName, leastPeerLoss)
	return in.judge(text, []string{dumpcapName}, func() (float64, bool) {
		part := in.result(dumpcapName).median(func(s sample) float64 { return 100 * float64(s.Dropped) / float64(max(s.Seen+s.Dropped, 1)) })
		return part, part > leastPeerLoss
	})
}
