package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/bench/criterion"
	"github.com/qubesbeat/qubesbeat/bench/mixture"
)

// options are the settings of the command line.
type options struct {
	root, out, qubesbeat, before, packetbeat, captures string

	inputs, only, jsonFile, mdFile, prepare string

	rounds, cpus int

	timeout time.Duration

	check, requirePeers bool
}

// defaultInputs measures start-up, a table that fits the cache, one that does
// not, real traffic, and real traffic that packetbeat's analyzers survive.
const defaultInputs = "start,synth:4000000:1000,synth:4000000:50000,mix:2000000,calm:1000000"

// parse returns the options of the command line.
func parse() *options {
	o := &options{}
	flag.StringVar(&o.root, "root", ".", "`directory` of the bench module")
	flag.StringVar(&o.out, "out", "", "`directory` for generated files (default ROOT/out)")
	flag.StringVar(&o.qubesbeat, "qubesbeat", os.Getenv("QUBESBEAT"), "`path` of qubesbeat (default $QUBESBEAT)")
	flag.StringVar(&o.before, "before", "", "`path` of an earlier qubesbeat to compare with")
	flag.StringVar(&o.packetbeat, "packetbeat", os.Getenv("PACKETBEAT"),
		"`path` of packetbeat (default $PACKETBEAT, else built from ./packetbeat)")
	flag.StringVar(&o.captures, "captures", "", "`directory` of real captures (default $QUBESBEAT_SHARED/captures)")
	flag.StringVar(&o.inputs, "inputs", defaultInputs,
		"comma-separated inputs: start, synth:PACKETS:FLOWS, mix:PACKETS, calm:PACKETS or a pcap `file`")
	flag.StringVar(&o.only, "only", "", "comma-separated `names` of the contenders to run (default all)")
	flag.IntVar(&o.rounds, "rounds", 5, "`number` of rounds")
	flag.IntVar(&o.cpus, "cpus", 0, "pin every contender to the first `N` CPUs with taskset (default no pinning)")
	flag.DurationVar(&o.timeout, "timeout", 180*time.Second, "`limit` for one run")
	flag.StringVar(&o.jsonFile, "json", "", "write the results as JSON to `file`")
	flag.StringVar(&o.mdFile, "md", "", "write the results as Markdown to `file`")
	flag.BoolVar(&o.check, "check", false, "exit with status 1 unless qubesbeat meets the criteria")
	flag.BoolVar(&o.requirePeers, "require-peers", false, "fail if a peer is missing instead of leaving it out")
	flag.StringVar(&o.prepare, "prepare", "", "only make this `input` (used by the harness for itself)")
	flag.Parse()

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
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()

	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

// run does what o says.
func run(ctx context.Context, o *options) (err error) {
	// The contenders run in directories of their own.
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

	if o.prepare != "" {
		in, err := parseInput(o, o.prepare)
		if err != nil {
			return err
		}

		return in.generate()
	}

	rep, err := bench(ctx, o)
	if err != nil {
		return err
	}

	return finish(o, rep)
}

// bench runs all contenders over all inputs.
func bench(ctx context.Context, o *options) (rep *report, err error) {
	var inputs []*input
	for spec := range strings.SplitSeq(o.inputs, ",") {
		in, err := parseInput(o, spec)
		if err != nil {
			return nil, err
		}

		inputs = append(inputs, in)
	}

	contenders, err := allContenders(ctx, o)
	if err != nil {
		return nil, err
	}

	rep = newReport(ctx, o, contenders)
	for _, in := range inputs {
		err = in.load(ctx)
		if errors.Is(err, fs.ErrNotExist) && in.optional {
			fmt.Fprintf(os.Stderr, "run: skipping %s: %v\n", in.Name, err)

			continue
		} else if err != nil {
			return nil, fmt.Errorf("preparing %s: %w", in.Name, err)
		}

		if err = benchInput(ctx, o, rep, in, contenders); err != nil {
			return nil, err
		}
	}

	return rep, nil
}

// finish prints rep, writes the files that o asks for and applies the criteria.
func finish(o *options, rep *report) error {
	rep.setStartup()
	rep.table(os.Stdout)

	if err := rep.writeFiles(o.jsonFile, o.mdFile); err != nil {
		return fmt.Errorf("writing results: %w", err)
	}

	if !o.check {
		return nil
	}

	return criterion.Print(os.Stdout, rep.criteria(o.requirePeers))
}
