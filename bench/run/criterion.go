package main

import (
	"fmt"
	"strings"

	"github.com/qubesbeat/qubesbeat/bench/criterion"
)

// minComplete is the least share of the packets in packetbeat's flow events that
// must be in ours. A program that meters nothing is fast. It is not 1, since
// the programs need not agree on packets with damaged headers.
const minComplete = 0.99

// minSpeedup is how many times faster than packetbeat qubesbeat has to be.
const minSpeedup = 10

// minSpeedupAll is how many times faster than packetbeat qubesbeat has to be with
// all protocols on: the analyzers are the same.
const minSpeedupAll = 2

// minKept is the least part of the metering speed that must be left where
// analyzers are on and find nothing for them.
const minKept = 0.95

// criteria judges all inputs but the one that only shows start-up. A peer that
// did not run fails the criterion if it is required.
func (rep *report) criteria(requirePeers bool) (list []criterion.Criterion) {
	for _, in := range rep.Inputs {
		if in.Name == startInput {
			continue
		}

		if strings.HasPrefix(in.Name, calmInput) {
			list = append(list, in.analyzed())

			continue
		}

		ours := in.result(oursDiscard)
		if !ours.ran() {
			list = append(list, criterion.Criterion{Verdict: criterion.Fail, Text: in.Name + ": qubesbeat did not run"})

			continue
		}

		if ports := in.result(oursPorts); ports.ran() {
			list = append(list, in.undisturbed(ours, ports))
		}

		for _, pair := range [][2]string{{oursDiscard, beforeDiscard}, {oursFile, beforeFile}} {
			if a, b := in.result(pair[0]), in.result(pair[1]); a.ran() && b.ran() {
				list = append(list, in.asFastAs(a, b))
			}
		}

		list = append(list, in.observed()...)
		list = append(list,
			in.faster(ours, packetbeatDiscard, minSpeedup),
			in.faster(ours, softflowdExport, 1),
			in.faster(ours, softflowdSilent, 1),
			in.faster(ours, nfpcapdName, 1),
			in.smaller(ours, packetbeatDiscard),
			in.complete(in.result(oursFile), packetbeatFile),
		)
	}

	return criterion.Complete(list, requirePeers)
}

// analyzed demands that we are faster with all protocols on, too.
func (in *inputReport) analyzed() criterion.Criterion {
	all := in.result(oursAll)
	if !all.ran() {
		return criterion.Criterion{Verdict: criterion.Fail, Text: in.Name + ": " + oursAll + " did not run"}
	}

	return in.faster(all, packetbeatAll, minSpeedupAll)
}

// faster demands that the peer takes at least factor times as long as we do.
func (in *inputReport) faster(ours *result, peer string, factor float64) criterion.Criterion {
	what := fmt.Sprintf("%s: time of %s / ours >= %g", in.Name, peer, factor)

	return in.judge(what, peer, factor, func(p *result) float64 { return p.median(wall) / ours.median(wall) })
}

// asFastAs demands that we keep minKept of the speed of an earlier qubesbeat. The
// least of all rounds is compared: the difference is smaller than the noise of a median.
func (in *inputReport) asFastAs(ours, before *result) criterion.Criterion {
	ratio := before.sorted(wall)[0] / ours.sorted(wall)[0]

	return criterion.Of(ratio >= minKept, fmt.Sprintf("%s: time of %s / %s >= %g: %.2f", in.Name, before.Contender, ours.Contender, minKept, ratio))
}

// undisturbed demands that the analyzers cost next to nothing on traffic that is
// not theirs. The cost of starting, which is theirs, too, is left out; the least
// of all rounds is compared, since a few hundredths are less than the noise of a
// median.
func (in *inputReport) undisturbed(ours, ports *result) criterion.Criterion {
	least := func(r *result) float64 { return r.sorted(wall)[0] - r.Startup }
	ratio := least(ours) / least(ports)

	return criterion.Of(ratio >= minKept, fmt.Sprintf("%s: time of %s / %s >= %g: %.2f", in.Name, oursDiscard, oursPorts, minKept, ratio))
}

// minObserved is the least part of the metering speed that must be left with
// verification or detection on.
var minObserved = map[string]float64{oursVerify: 0.95, oursDetect: 0.93}

// observed demands that verification and detection leave most of the metering speed.
// The least of all rounds is compared, without the cost of starting.
func (in *inputReport) observed() (list []criterion.Criterion) {
	meter := in.result(oursMeter)
	least := func(r *result) float64 { return r.sorted(wall)[0] - r.Startup }
	for _, name := range []string{oursVerify, oursDetect} {
		if r := in.result(name); meter.ran() && r.ran() {
			ratio := least(meter) / least(r)
			list = append(list, criterion.Of(ratio >= minObserved[name],
				fmt.Sprintf("%s: time of %s / %s >= %g: %.2f", in.Name, oursMeter, name, minObserved[name], ratio)))
		}
	}

	return list
}

// smaller demands that the peer's peak memory is not below ours.
func (in *inputReport) smaller(ours *result, peer string) criterion.Criterion {
	what := fmt.Sprintf("%s: memory of %s / ours >= 1", in.Name, peer)

	return in.judge(what, peer, 1, func(p *result) float64 { return p.median(rss) / ours.median(rss) })
}

// complete demands that our flow events account for the packets that the peer's
// account for.
func (in *inputReport) complete(ours *result, peer string) criterion.Criterion {
	what := fmt.Sprintf("%s: packets in our events / %s >= %g", in.Name, peer, minComplete)
	if !ours.ran() {
		return criterion.Criterion{Verdict: criterion.Fail, Text: fmt.Sprintf("%s: %s did not run", what, ours.Contender)}
	}

	return in.judge(what, peer, minComplete, func(p *result) float64 {
		return ours.median(packets) / p.median(packets)
	})
}

// judge compares a ratio with the least that it may be.
func (in *inputReport) judge(what, peer string, least float64, ratio func(p *result) float64) criterion.Criterion {
	p := in.result(peer)
	if !p.ran() {
		return criterion.Criterion{Verdict: criterion.Skip, Text: fmt.Sprintf("%s: %s did not run", what, peer)}
	}

	r := ratio(p)

	return criterion.Of(r >= least, fmt.Sprintf("%s: %.2f", what, r)) // fails if r is not a number
}
