package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/qubesbeat/qubesbeat/bench/laptop"
)

// fleet is all laptops, with what they have sent so far.
type fleet struct {
	o       *options
	report  *report
	sensors []*sensor
	start   time.Duration // CPU time of a run that has next to no events

	// busy and quiet are what the sensors write into files.
	busy, quiet *published
}

// sensor is the beat of a laptop with its two captures: of a busy hour and of a quiet minute.
type sensor struct {
	home        string
	busy, quiet *laptop.Laptop
}

// Names of the files of a sensor.
const (
	busyCapture  = "busy.pcapng"
	quietCapture = "quiet.pcapng"
	inventory    = "inventory.json"
)

// busyLength is the length of the capture of the load. The faster it is replayed, the more.
const busyLength = time.Hour

// newFleet writes the captures of all laptops.
func newFleet(o *options) (*fleet, error) {
	f := &fleet{o: o, report: newReport(o)}
	sites, err := laptop.NewSites(500)
	if err != nil {
		return nil, err
	}
	say("making the captures of %d laptops", o.sensors)
	now := time.Now()
	for i := range o.sensors {
		s := &sensor{home: filepath.Join(o.dir, fmt.Sprintf("%03d", i+1))}
		if err := os.MkdirAll(s.home, 0o700); err != nil {
			return nil, err
		}
		s.busy, err = s.make(busyCapture, sites, &laptop.Config{Number: i + 1, Of: o.sensors, Start: now.Add(-2 * busyLength), Length: busyLength,
			Visits: max(1, o.events/laptop.EventsOfVisit), Disposables: 6})
		if err != nil {
			return nil, err
		}
		f.sensors = append(f.sensors, s)
		if o.seconds == 0 {
			continue
		}
		s.quiet, err = s.make(quietCapture, sites, &laptop.Config{Number: i + 1, Of: o.sensors, Start: now, Length: time.Duration(o.seconds) * time.Second,
			Visits: max(1, o.seconds/laptop.EventsOfVisit), Disposables: 4})
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

// make writes a capture into the folder of the sensor.
func (s *sensor) make(name string, sites []laptop.Site, c *laptop.Config) (*laptop.Laptop, error) {
	l, err := laptop.New(c)
	if err != nil {
		return nil, err
	}
	return l, l.WriteCapture(filepath.Join(s.home, name), sites)
}

// measure runs everything.
func (f *fleet) measure(ctx context.Context) error {
	if err := f.measureStart(ctx); err != nil {
		return err
	}
	if err := f.writeFiles(ctx); err != nil {
		return err
	}
	for _, s := range f.servers() {
		if err := f.measureServer(ctx, s); err != nil {
			return fmt.Errorf("measuring with %s: %w", s.name(), err)
		}
	}
	return nil
}

// server is where the sensors send.
type server interface {
	name() string
	// prepare makes room for events, and fails if there are some.
	prepare(ctx context.Context, f *fleet) error
	// output returns the settings of a beat that sends there.
	output() string
	// arrived returns what the server has of flows and queries, and the number of other events.
	arrived(ctx context.Context) (all []arrival, others int, err error)
	// stored returns the number of bytes that the server keeps, now and once it has merged what
	// it can.
	stored(ctx context.Context) (now, merged int64, err error)
	// again reports whether the server stores an event again that it is sent again.
	again() bool
	// cpu returns the CPU time of the server so far, 0 if that is unknown.
	cpu(ctx context.Context) (time.Duration, error)
}

// servers returns those that were asked for.
func (f *fleet) servers() (all []server) {
	if f.o.elasticsearch != "" {
		all = append(all, &elasticsearch{url: f.o.elasticsearch})
	}
	if f.o.kafka != "" {
		all = append(all, newKafka(f.o))
	}
	return all
}
