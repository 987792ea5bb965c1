package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// options are the settings of the command line.
type options struct {
	qubesbeat, elasticsearch, kafka, dir, json string

	sensors, parallel, events, seconds, partitions, kafkaPID int

	timeout time.Duration
}

// parseFlags returns the options of the command line.
func parseFlags() *options {
	o := &options{}
	flag.StringVar(&o.qubesbeat, "qubesbeat", os.Getenv("QUBESBEAT"), "`path` of qubesbeat (default $QUBESBEAT)")
	flag.StringVar(&o.elasticsearch, "elasticsearch", "", "`URL` of an Elasticsearch without events")
	flag.StringVar(&o.kafka, "kafka", "", "`host:port` of a Kafka")
	flag.IntVar(&o.kafkaPID, "kafka-pid", 0, "process `id` of Kafka, to measure its CPU time")
	flag.IntVar(&o.sensors, "sensors", 100, "`number` of laptops")
	flag.IntVar(&o.parallel, "parallel", 8, "`number` of sensors that run at the same time under load")
	flag.IntVar(&o.events, "events", 1000, "`number` of events of each sensor under load")
	flag.IntVar(&o.seconds, "seconds", 60, "`length` of the time at rest, with an event a second from each sensor; 0 for none")
	flag.IntVar(&o.partitions, "partitions", 12, "`number` of partitions of Kafka's topic")
	flag.StringVar(&o.dir, "dir", "", "`directory` for captures and events (default a temporary one, which is removed)")
	flag.StringVar(&o.json, "json", "", "write the results as JSON to `file`")
	flag.DurationVar(&o.timeout, "timeout", 15*time.Minute, "`limit` for the whole")
	flag.Parse()
	return o
}

func main() {
	o := parseFlags()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	err := run(ctx, o)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

// run does what o says.
func run(ctx context.Context, o *options) (err error) {
	if err = o.check(); err != nil {
		return err
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "fleet-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	}
	f, err := newFleet(o)
	if err != nil {
		return err
	}
	err = f.measure(ctx)
	f.report.print(os.Stdout) // also what was measured before an error
	return errors.Join(err, f.report.write(o.json), f.report.fault())
}

// check returns what is wrong with the options, and makes paths absolute.
func (o *options) check() (err error) {
	if o.qubesbeat == "" {
		return errors.New("which program? name it with -qubesbeat; go tool mage build makes build/qubesbeat")
	}
	if o.elasticsearch == "" && o.kafka == "" {
		return errors.New("which servers? name one with -elasticsearch or -kafka, or run: go tool mage benchFleet")
	}
	for name, n := range map[string]int{"sensors": o.sensors, "parallel": o.parallel, "events": o.events, "partitions": o.partitions} {
		if n < 1 {
			return fmt.Errorf("-%s %d: want at least 1", name, n)
		}
	}
	for _, p := range []*string{&o.qubesbeat, &o.dir, &o.json} {
		if *p == "" {
			continue
		}
		if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
	}
	return nil
}

// say reports progress.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "fleet: "+format+"\n", args...) }
