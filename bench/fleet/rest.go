package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// rest starts all sensors and measures them once they have started.
func (f *fleet) rest(ctx context.Context, s server, r *rest) error {
	var (
		mu     sync.Mutex
		wg     sync.WaitGroup
		faults []error
		all    []sample
	)
	length := time.Duration(f.o.seconds) * time.Second
	cpu, err := s.cpu(ctx)
	if err != nil {
		return err
	}
	for i, one := range f.sensors {
		wg.Go(func() {
			pause(ctx, length/4*time.Duration(i)/time.Duration(len(f.sensors))) // or all would start at the same moment
			m, err := f.restOne(ctx, s, one, length)
			mu.Lock()
			all, faults = append(all, m), append(faults, err)
			mu.Unlock()
		})
	}
	wg.Wait()
	if err := errors.Join(faults...); err != nil {
		return err
	}
	after, err := s.cpu(ctx)
	// Also what it takes to accept the connections.
	r.ServerCPUPercent = 100 * (after - cpu).Seconds() / length.Seconds()
	r.add(all)
	return err
}

// sample is what a sensor takes at rest, its two processes together.
type sample struct {
	cpu      float64 // of a CPU
	rss, pss int64   // bytes; pss without what it shares with the other sensors
}

// restOne runs a sensor and measures it between the middle of the capture and shortly before its
// end: by then all have started.
func (f *fleet) restOne(ctx context.Context, s server, one *sensor, length time.Duration) (m sample, err error) {
	if err := one.name(one.quiet); err != nil {
		return m, err
	}
	b, err := f.newBeat(ctx, one, s.name(), s.output(), "-I", filepath.Join(one.home, quietCapture))
	if err != nil {
		return m, err
	}
	b.start = time.Now()
	if err := b.cmd.Start(); err != nil {
		return m, err
	}
	last := length - length/time.Duration(one.quiet.Visits()) // visit, after which the sensor ends
	ctx, cancel := context.WithDeadline(ctx, b.start.Add(last*9/10))
	defer cancel()
	if pause(ctx, time.Until(b.start.Add(last/2))) {
		first, at := tree(b.cmd.Process.Pid).cpu(), time.Now()
		<-ctx.Done()
		t := tree(b.cmd.Process.Pid)
		m.cpu = (t.cpu() - first).Seconds() / time.Since(at).Seconds()
		m.rss, m.pss = t.memory()
	}
	_, err = b.wait()
	return m, err
}

// pause waits for d to pass. It reports false if ctx ended before that.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// add takes the means and the most of all sensors.
func (r *rest) add(all []sample) {
	var sum sample
	for _, m := range all {
		sum.cpu, sum.rss, sum.pss = sum.cpu+m.cpu, sum.rss+m.rss, sum.pss+m.pss
	}
	n := int64(max(1, len(all)))
	r.CPUPercent = 100 * sum.cpu / float64(n)
	r.RSS, r.PSS = sum.rss/n, sum.pss/n
	if len(all) > 0 {
		r.MostRSS = slices.MaxFunc(all, func(a, b sample) int { return int(a.rss - b.rss) }).rss
	}
}
