package main

import (
	"context"
	"fmt"
	"os"
)

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
			if c.missing != "" || r.Failure != "" {
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

	rep.Inputs = append(rep.Inputs, &inputReport{
		Name: in.Name, Packets: in.Packets, Bytes: in.Bytes, Results: results,
	})

	return nil
}
