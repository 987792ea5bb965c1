package source

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

func openFiles(f Replay, stop <-chan struct{}) (*Source, error) {
	paths, err := expand(f.Files)
	if err != nil {
		return nil, err
	}
	names := new(capture.Interfaces)
	if f.Loop < 0 || f.Loop != 1 && slices.Contains(paths, "-") {
		return nil, fmt.Errorf("-l %d: standard input can be read once, files any number of times and with 0 forever", f.Loop)
	}
	open := func() (capture.Source, error) { return openAll(paths, names, stop) }
	src, err := open()
	if err != nil {
		return nil, err
	}
	if f.Loop != 1 {
		src = capture.NewLoop(src, f.Loop, open)
	}
	if f.OneByOne {
		return &Source{Source: &oneByOne{Source: src, keys: bufio.NewReader(stdin(stop))}}, nil
	}
	if f.TopSpeed {
		return &Source{Source: src}, nil
	}
	pace := capture.NewPace(src)
	return &Source{Source: pace, Now: pace.Now}, nil
}

// CheckFiles returns the error with which a replay of the files that match a pattern
// would begin.
func CheckFiles(pattern string) error {
	paths, err := expand([]string{pattern})
	if err != nil {
		return err
	}
	src, err := openAll(paths, new(capture.Interfaces), nil)
	if err != nil {
		return err
	}
	return src.Close()
}

// expand replaces patterns such as 'caps/*.pcap', which a shell leaves alone in
// quotes, by the files that match.
func expand(patterns []string) (paths []string, err error) {
	for _, p := range patterns {
		if _, err := os.Stat(p); !errors.Is(err, fs.ErrNotExist) || p == "-" {
			paths = append(paths, p)
			continue
		}
		found, err := filepath.Glob(p)
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("opening capture: %s: no such file", p)
		}
		paths = append(paths, found...)
	}
	return paths, nil
}

// openAll opens every file. All faults are reported together, before anything is
// read.
func openAll(paths []string, names *capture.Interfaces, stop <-chan struct{}) (capture.Source, error) {
	var sources []capture.Source
	var faults []error
	for _, p := range paths {
		f, err := openOne(p, names, stop)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		sources = append(sources, f)
	}
	if err := errors.Join(faults...); err != nil {
		for _, s := range sources {
			err = errors.Join(err, s.Close())
		}
		return nil, err
	}
	if len(sources) == 1 {
		return sources[0], nil
	}
	return capture.NewMerge(names, sources...), nil
}

func openOne(path string, names *capture.Interfaces, stop <-chan struct{}) (*capture.File, error) {
	if path == "-" {
		return capture.NewReader("standard input", stdin(stop), names)
	}
	return capture.OpenFile(path, names)
}

// stdin reads standard input until its end or until stop is closed, which a read
// of its own would not notice.
func stdin(stop <-chan struct{}) io.Reader {
	r, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, os.Stdin)
		_ = w.CloseWithError(err)
	}()
	go func() {
		<-stop
		_ = w.Close()
	}()
	return r
}

// oneByOne is a source that waits for the Enter key before each packet.
type oneByOne struct {
	capture.Source
	keys *bufio.Reader
}

// Next implements [capture.Source]. The end of the keys is the end of the
// packets.
func (o *oneByOne) Next(f *capture.Frame) error {
	fmt.Fprintln(os.Stderr, "Press enter to read packet")
	if _, err := o.keys.ReadString('\n'); err != nil {
		return io.EOF
	}
	return o.Source.Next(f)
}
