package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/qubesbeat/qubesbeat/bench/criterion"
	"github.com/qubesbeat/qubesbeat/bench/mixture"
)

// options are the settings of the command line.
type options struct {
	root, out, qubesbeat, before, packetbeat, captures string
	inputs, only, jsonFile                             string
	rounds, rate                                       int
	duration                                           time.Duration
	check, requirePeers                                bool
	packets                                            bool

	// Of the processes that the harness starts of itself.
	send, hold bool
	iface, mac string
	file       string
	size       int
}

// defaultInputs are frames of three sizes, a mix of real ones, and a bulk transfer.
const defaultInputs = "64,508,1496,mix,bulk"

// keeperInputs are those with -packets: the shortest frame that has a store alone, too.
const keeperInputs = "60,508,1496,mix,bulk"

// parse returns the options of the command line.
func parse() *options {
	o := &options{}
	flag.StringVar(&o.root, "root", ".", "`directory` of the bench module")
	flag.StringVar(&o.out, "out", "", "`directory` for generated files (default ROOT/out)")
	flag.StringVar(&o.qubesbeat, "qubesbeat", os.Getenv("QUBESBEAT"), "`path` of qubesbeat (default $QUBESBEAT)")
	flag.StringVar(&o.before, "before", "", "`path` of an earlier qubesbeat to compare with")
	flag.StringVar(&o.packetbeat, "packetbeat", os.Getenv("PACKETBEAT"), "`path` of packetbeat (default $PACKETBEAT, else left out)")
	flag.StringVar(&o.captures, "captures", "", "`directory` of real captures (default $QUBESBEAT_SHARED/captures)")
	flag.StringVar(&o.inputs, "inputs", defaultInputs, "comma-separated inputs: bytes of a frame, mix, or bulk")
	flag.StringVar(&o.only, "only", "", "comma-separated `names` of the contenders to run (default all)")
	flag.IntVar(&o.rounds, "rounds", 5, "`number` of rounds")
	flag.IntVar(&o.rate, "rate", 50000, "frames per second")
	flag.DurationVar(&o.duration, "duration", 3*time.Second, "`time` to send in each run")
	flag.StringVar(&o.jsonFile, "json", "", "write the results as JSON to `file`")
	flag.BoolVar(&o.check, "check", false, "exit with status 1 unless qubesbeat meets the criteria")
	flag.BoolVar(&o.packets, "packets", false, "compare what keeps packets on the disk: the store of packets, tcpdump, dumpcap, netsniff-ng, stenotype")
	flag.BoolVar(&o.requirePeers, "require-peers", false, "fail if a peer is missing instead of leaving it out")
	flag.BoolVar(&o.send, "send", false, "send frames (used by the harness for itself)")
	flag.BoolVar(&o.hold, "hold", false, "wait for the end of standard input (used by the harness for itself)")
	flag.StringVar(&o.iface, "iface", "", "with -send: `name` of the interface")
	flag.StringVar(&o.mac, "mac", "", "with -send: destination `address`")
	flag.StringVar(&o.file, "file", "", "with -send: capture `file`")
	flag.IntVar(&o.size, "size", 0, "with -send: `bytes` of a frame")
	flag.Parse()
	if o.packets && o.inputs == defaultInputs {
		o.inputs = keeperInputs
	}
	if o.out == "" {
		o.out = filepath.Join(o.root, "out")
	}
	if o.captures == "" {
		o.captures = mixture.DefaultCaptures(o.root)
	}
	return o
}

func main() {
	o := parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "live:", err)
		os.Exit(1)
	}
}

// run does what o says.
func run(ctx context.Context, o *options) (err error) {
	switch {
	case o.hold:
		return hold()
	case o.send:
		return sendAndReport(o)
	case os.Getenv(inside) == "":
		return enter(ctx)
	}
	for _, p := range []*string{&o.root, &o.out, &o.captures, &o.qubesbeat, &o.before, &o.packetbeat} {
		if *p == "" {
			continue
		} else if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
	}
	if err = os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	nw, err := newNetwork(ctx)
	if err != nil {
		return fmt.Errorf("making the network: %w (needs root, or unshare -Urnm)", err)
	}
	defer nw.close()
	rep, err := bench(ctx, o, nw)
	if err != nil {
		return err
	}
	return finish(o, rep)
}

// bench runs all contenders on all inputs, in rounds that begin with another one each.
func bench(ctx context.Context, o *options, nw *network) (*report, error) {
	contenders := allContenders(o)
	rep := &report{Date: time.Now().UTC().Truncate(time.Second), Rounds: o.rounds, Rate: o.rate, Seconds: o.duration.Seconds()}
	for spec := range strings.SplitSeq(o.inputs, ",") {
		in, err := prepare(o, spec)
		if err != nil {
			return nil, err
		}
		ir := &inputReport{Name: in.name}
		for _, c := range contenders {
			ir.Results = append(ir.Results, &result{Contender: c.name, Missing: c.missing})
		}
		rep.Inputs = append(rep.Inputs, ir)
		if ir.Missing = in.missing; in.missing != "" {
			continue
		}
		for round := range o.rounds {
			for i := range contenders {
				at := (i + round) % len(contenders)
				if r := ir.Results[at]; r.Missing == "" && r.Failure == "" {
					s, err := measure(ctx, o, nw, contenders[at], in)
					if ctx.Err() != nil {
						return nil, ctx.Err()
					} else if err != nil {
						r.Failure = err.Error()
						fmt.Fprintf(os.Stderr, "live: %s on %s: %v\n", r.Contender, in.name, err)
						continue
					}
					r.Samples = append(r.Samples, s)
					fmt.Fprintf(os.Stderr, "live: %s round %d %s: %.3f µs\n", in.name, round+1, r.Contender, s.Process)
				}
			}
		}
	}
	return rep, nil
}

// finish prints rep, writes the file that o asks for and applies the criteria.
func finish(o *options, rep *report) error {
	rep.table(os.Stdout)
	if o.jsonFile != "" {
		b, err := json.MarshalIndent(rep, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.jsonFile, append(b, '\n'), 0o644); err != nil {
			return fmt.Errorf("writing results: %w", err)
		}
	}
	if !o.check {
		return nil
	}
	if o.packets {
		return criterion.Print(os.Stdout, rep.keeping(o.requirePeers))
	}
	return criterion.Print(os.Stdout, rep.criteria(o.requirePeers))
}
