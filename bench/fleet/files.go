package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/qubesbeat/qubesbeat/bench/laptop"
)

// fileOutput writes all events of a sensor into one file.
const fileOutput = `output.file: {path: %q, filename: events, rotate_every_kb: 1048576}`

// writeFiles runs all sensors with files, which say what is to arrive at the servers.
func (f *fleet) writeFiles(ctx context.Context) (err error) {
	say("under load, into files")
	u, err := f.load(ctx, busyReplays("file", func(s *sensor) string { return fmt.Sprintf(fileOutput, filepath.Join(s.home, "file", "out")) }))
	if err != nil {
		return err
	}
	if f.busy, err = f.readFiles("file", f.o.events/laptop.EventsOfVisit, &f.report.Files); err != nil {
		return err
	}
	f.report.Files.Load = f.newLoad(u)
	if f.o.seconds == 0 {
		return nil
	}
	_, err = f.load(ctx, &replays{run: "quiet", capture: quietCapture, laptop: func(s *sensor) *laptop.Laptop { return s.quiet },
		output: func(s *sensor) string { return fmt.Sprintf(fileOutput, filepath.Join(s.home, "quiet", "out")) }})
	if err != nil {
		return err
	}
	f.quiet, err = f.readFiles("quiet", f.o.seconds/laptop.EventsOfVisit, nil)
	return err
}

// readFiles reads the events of a run, and checks that each sensor has reported all that is in
// its capture. Their sizes go into to, if that is not nil.
func (f *fleet) readFiles(run string, visits int, to *files) (*published, error) {
	p := newPublished()
	for _, s := range f.sensors {
		text, err := readAll(filepath.Join(s.home, run, "out"))
		if err != nil {
			return nil, err
		}
		n := map[string]int{}
		for line := range bytes.Lines(text) {
			a, repeatable, err := parse(line)
			if err != nil {
				return nil, err
			}
			if to != nil {
				to.add(a.kind, len(line))
			}
			if !repeatable {
				continue
			}
			n[a.kind]++
			if !p.add(a) || f.busy != nil && f.busy.places[a.id].id != "" {
				return nil, fmt.Errorf("two events have the id %s; the second is one of %s", a.id, a.observer)
			}
		}
		visits := max(1, visits)
		if n["flow"] != visits*laptop.FlowsOfVisit || n["dns"] != visits*laptop.QueriesOfVisit {
			return nil, fmt.Errorf("%s has published %d flows and %d queries; its capture has %d and %d", s.busy.Name, n["flow"], n["dns"],
				visits*laptop.FlowsOfVisit, visits*laptop.QueriesOfVisit)
		}
		if to != nil {
			if err := to.compress(text); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// readAll returns the content of the files of a folder, in the order of their names.
func readAll(dir string) (text []byte, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	for _, path := range paths {
		var one []byte
		if one, err = os.ReadFile(path); err != nil {
			break
		}
		text = append(text, one...)
	}
	return text, err
}

// compressed is the number of sensors whose files are compressed, to save time.
const compressed = 10

// compress adds the sizes of a compressed file.
func (s *files) compress(text []byte) error {
	if s.compressed++; s.compressed > compressed {
		return nil
	}
	s.sample += int64(len(text))
	gz, zs := &counter{}, &counter{}
	g := gzip.NewWriter(gz)
	z, err := zstd.NewWriter(zs)
	if err != nil {
		return err
	}
	for _, w := range []io.WriteCloser{g, z} {
		b := bufio.NewWriterSize(w, 1<<16)
		_, err := b.Write(text)
		if err = errors.Join(err, b.Flush(), w.Close()); err != nil {
			return err
		}
	}
	s.gzip, s.zstd = s.gzip+gz.n, s.zstd+zs.n
	s.Gzip, s.Zstd = float64(s.gzip)/float64(s.sample), float64(s.zstd)/float64(s.sample)
	return nil
}

// counter counts what is written.
type counter struct{ n int64 }

// Write implements [io.Writer].
func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}
