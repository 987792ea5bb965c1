package main

import (
	"context"
	"fmt"
	"time"
)

// measureServer runs all sensors against a server: under load, the same once more, at rest.
func (f *fleet) measureServer(ctx context.Context, s server) error {
	if err := s.prepare(ctx, f); err != nil {
		return err
	}
	r := &serverReport{Name: s.name()}
	f.report.Servers = append(f.report.Servers, r)
	for _, step := range []func(context.Context, server, *serverReport) error{f.underLoad, f.onceMore, f.atRest} {
		if err := step(ctx, s, r); err != nil {
			return err
		}
	}
	return nil
}

// timed runs all sensors with the server and returns the load, with the server's CPU time.
func (f *fleet) timed(ctx context.Context, s server, run string) (load, error) {
	before, err := s.cpu(ctx)
	if err != nil {
		return load{}, err
	}
	u, err := f.load(ctx, busyReplays(run, func(*sensor) string { return s.output() }))
	if err != nil {
		return load{}, err
	}
	after, err := s.cpu(ctx)
	l := f.newLoad(u)
	l.ServerCPU = perEvent(after-before, len(f.busy.places))
	return l, err
}

// underLoad measures the server and what it stores.
func (f *fleet) underLoad(ctx context.Context, s server, r *serverReport) (err error) {
	say("%s: under load, %d sensors, %d at a time", s.name(), f.o.sensors, f.o.parallel)
	if r.Load, err = f.timed(ctx, s, s.name()); err != nil {
		return err
	}
	all, others, err := s.arrived(ctx)
	if err != nil {
		return err
	}
	r.First = f.busy.verify(all, nil)
	r.Works, r.WorksOf = namesakes(all, "work")
	now, merged, err := s.stored(ctx)
	n := int64(len(all) + others)
	if err != nil || n == 0 {
		return err
	}
	r.Bytes, r.BytesMerged = now/n, merged/n
	return nil
}

// onceMore sends the same events again.
func (f *fleet) onceMore(ctx context.Context, s server, r *serverReport) (err error) {
	say("%s: the same once more", s.name())
	if r.LoadAgain, err = f.timed(ctx, s, s.name()); err != nil {
		return err
	}
	all, _, err := s.arrived(ctx)
	r.Again = f.busy.verify(all, nil)
	r.storesAgain = s.again()
	return err
}

// atRest runs all sensors at the same time at the speed of their quiet captures.
func (f *fleet) atRest(ctx context.Context, s server, r *serverReport) error {
	if f.o.seconds == 0 {
		return nil
	}
	say("%s: at rest, all %d sensors for %d s", s.name(), f.o.sensors, f.o.seconds)
	_, before, err := s.arrived(ctx)
	if err != nil {
		return err
	}
	r.Rest = &rest{}
	if err := f.rest(ctx, s, r.Rest); err != nil {
		return err
	}
	all, after, err := s.arrived(ctx)
	if err != nil {
		return err
	}
	r.Rest.Verdict = f.quiet.verify(all, f.busy)
	r.Rest.OtherEvents = after - before
	r.Rest.EventsPerSensor = float64(len(f.quiet.places)+r.Rest.OtherEvents) / float64(f.o.sensors) / float64(f.o.seconds)
	return nil
}

// newLoad returns the rates of a run of all sensors with their busy captures. The CPU time of the
// starts does not count.
func (f *fleet) newLoad(u usage) load {
	n := len(f.busy.places)
	return load{
		EventsPerSecond: float64(n) / u.wall.Seconds(),
		PerSensor:       float64(n) / u.wall.Seconds() / float64(min(f.o.parallel, f.o.sensors)),
		BeatCPU:         perEvent(u.cpu-f.start*time.Duration(f.o.sensors), n),
		Seconds:         u.wall.Seconds(),
	}
}

// perEvent returns microseconds.
func perEvent(t time.Duration, n int) float64 {
	return float64(t.Microseconds()) / float64(max(1, n))
}

// fault returns what is wrong with a verdict, "" if nothing is. Doubled is how many events should
// have arrived twice.
func (v *verdict) fault(doubled int) string {
	if v.Lost == 0 && v.Doubled == doubled && v.Misnamed == 0 && v.Disordered == 0 && v.Scattered == 0 && v.Unknown == 0 {
		return ""
	}
	return fmt.Sprintf("of %d events %d lost, %d doubled (want %d), %d under another name, %d out of order, %d unknown; %d qubes in several partitions",
		v.Published, v.Lost, v.Doubled, doubled, v.Misnamed, v.Disordered, v.Unknown, v.Scattered)
}
