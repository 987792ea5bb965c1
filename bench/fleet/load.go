package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/bench/laptop"
)

// replays are runs of all sensors at top speed.
type replays struct {
	run     string // names the folder of each sensor
	capture string
	laptop  func(s *sensor) *laptop.Laptop
	output  func(s *sensor) string
}

// busyReplays replay what is measured as load.
func busyReplays(run string, output func(s *sensor) string) *replays {
	return &replays{run: run, capture: busyCapture, laptop: func(s *sensor) *laptop.Laptop { return s.busy }, output: output}
}

// load runs all sensors, a bounded number at a time. It returns the CPU time of all, and the time
// from the first start to the last end.
func (f *fleet) load(ctx context.Context, r *replays) (total usage, err error) {
	var (
		mu     sync.Mutex
		wg     sync.WaitGroup
		faults []error
		slots  = make(chan struct{}, f.o.parallel)
		began  = time.Now()
	)
	for _, s := range f.sensors {
		slots <- struct{}{}
		wg.Go(func() {
			u, err := f.replay(ctx, s, r)
			mu.Lock()
			total.cpu += u.cpu
			faults = append(faults, err)
			mu.Unlock()
			<-slots
		})
	}
	wg.Wait()
	total.wall = time.Since(began)
	return total, errors.Join(faults...)
}

// replay runs a sensor.
func (f *fleet) replay(ctx context.Context, s *sensor, r *replays) (usage, error) {
	if err := s.name(r.laptop(s)); err != nil {
		return usage{}, err
	}
	b, err := f.newBeat(ctx, s, r.run, r.output(s), "-t", "-I", filepath.Join(s.home, r.capture))
	if err != nil {
		return usage{}, err
	}
	return b.run()
}

// starts is the number of starts of which the median counts.
const starts = 5

// measureStart measures the CPU time of a run without events.
func (f *fleet) measureStart(ctx context.Context) error {
	s := f.sensors[0]
	if err := s.name(s.busy); err != nil {
		return err
	}
	var all []time.Duration
	for range starts {
		b, err := f.newBeat(ctx, s, "start", "output.discard: {enabled: true}", "-t", "-I", filepath.Join(s.home, busyCapture),
			"-E", "qubesbeat.interfaces.bpf_filter=tcp port 1")
		if err != nil {
			return err
		}
		u, err := b.run()
		if err != nil {
			return err
		}
		all = append(all, u.cpu)
	}
	slices.Sort(all)
	f.start = all[starts/2]
	f.report.StartCPU = f.start.Seconds()
	return nil
}
