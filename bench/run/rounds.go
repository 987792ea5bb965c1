package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
)

// takes reports whether the contender is for an input. Everybody is for that of
// one packet, which shows what starting costs, and only those that analyze for
// the one that analyzers survive: the mix is there for the others.
func (c *contender) takes(in *input) bool {
	if c.kind == "" {
		return !strings.HasPrefix(in.Name, calmInput)
	}

	return in.Name == startInput || strings.HasPrefix(in.Name, c.kind)
}

// benchInput runs all contenders over in and adds the results to rep. A
// contender that failed once on an input is not run on it again.
func benchInput(ctx context.Context, o *options, rep *report, in *input, contenders []*contender) error {
	results := make([]*result, len(contenders))
	for i, c := range contenders {
		results[i] = &result{Contender: c.name, Missing: c.missing}
	}

	for round := range o.rounds {
		for i := range contenders {
			// Every round begins with the next contender.
			at := (i + round) % len(contenders)
			c, r := contenders[at], results[at]
			if c.missing != "" || r.Failure != "" || !c.takes(in) {
				continue
			}

			s, err := runOnce(ctx, o, c, in)
			if ctx.Err() != nil {
				return ctx.Err()
			} else if err != nil {
				r.Failure = err.Error()
				fmt.Fprintf(os.Stderr, "run: %s on %s: %v\n", c.name, in.Name, err)

				continue
			}

			fmt.Fprintf(os.Stderr, "run: %s round %d %s %.2f s\n", in.Name, round+1, c.name, s.Wall)
			r.Samples = append(r.Samples, s)
		}
	}

	results = slices.DeleteFunc(results, func(r *result) bool {
		return r.Missing == "" && r.Failure == "" && len(r.Samples) == 0 // not for this input
	})

	rep.Inputs = append(rep.Inputs, &inputReport{
		Name: in.Name, Packets: in.Packets, Bytes: in.Bytes, Results: results,
	})

	return nil
}
