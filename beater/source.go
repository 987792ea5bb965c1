package beater

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/capture"
)

// source is the opened capture and what the meter needs to know of it.
type source struct {
	capture.Source
	live bool
	now  func() int64 // nil: time stands still while no packet comes
}

// openSource opens the files, where there are any, or else the live interfaces.
func openSource(s *settings, f Flags, stop <-chan struct{}, log *logp.Logger) (*source, error) {
	if len(f.Files) == 0 {
		return openLive(s.Interfaces, log)
	}
	return openFiles(f, stop)
}

// fileSettings combines the flags with the file keys of the first interface.
func fileSettings(s *settings, flags *Flags) Flags {
	f, first := *flags, s.Interfaces[0]
	if len(f.Files) == 0 && first.File != "" {
		f.Files = []string{first.File}
		f.TopSpeed = f.TopSpeed || first.TopSpeed
		f.OneByOne = f.OneByOne || first.OneAtATime
		if first.Loop != nil && f.Loop == 1 {
			f.Loop = *first.Loop
		}
	}
	return f
}

func openFiles(f Flags, stop <-chan struct{}) (*source, error) {
	paths, err := expand(f.Files)
	if err != nil {
		return nil, err
	}
	names := new(capture.Interfaces)
	if f.Loop < 0 || f.Loop != 1 && slices.Contains(paths, "-") {
		return nil, fmt.Errorf("-l %d: standard input can be read once, files any number of times and with 0 for ever", f.Loop)
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
		return &source{Source: &oneByOne{Source: src, keys: bufio.NewReader(stdin(stop))}}, nil
	}
	if f.TopSpeed {
		return &source{Source: src}, nil
	}
	pace := &capture.Pace{Source: src, Stop: stop}
	return &source{Source: pace, now: pace.Now}, nil
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

// openAll opens every file. All faults are reported at once, before anything is
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

// oneByOne waits for the Enter key before each packet.
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

// openLive opens one ring over the devices of all interfaces. Where interfaces
// differ in a number, the largest counts: the ring is shared.
func openLive(interfaces []config.Interface, log *logp.Logger) (*source, error) {
	var devices []string
	cfg := capture.RingConfig{}
	for i := range interfaces {
		devices = append(devices, interfaces[i].Device...)
		cfg.Size = max(cfg.Size, interfaces[i].BufferSizeMB<<20)
		cfg.Snap = max(cfg.Snap, uint32(interfaces[i].Snaplen))
	}
	// The headers are all that flows need.
	cfg.Snap = min(cfg.Snap, capture.DefaultSnap)
	devices, err := byIndex(devices)
	if err != nil {
		return nil, err
	}
	matcher, err := capture.NewMatcher(devices)
	if err != nil {
		return nil, err
	}
	if err := checkDevices(matcher, log); err != nil {
		return nil, err
	}
	cfg.Matcher = matcher
	cfg.OnLink = func(l capture.LinkInfo, followed bool) {
		if followed {
			log.Infow("following interface", "interface", l.Name, "index", l.Index)
		} else {
			log.Infow("interface is gone", "interface", l.Name, "index", l.Index)
		}
	}
	ring, err := capture.OpenRing(cfg)
	if err != nil {
		return nil, err
	}
	log.Infow("capturing", "devices", devices)
	return &source{Source: ring, live: true, now: func() int64 { return time.Now().UnixNano() }}, nil
}

// byIndex replaces numbers by the names that `qubesbeat devices` shows for them, as
// packetbeat accepts both.
func byIndex(devices []string) ([]string, error) {
	out := make([]string, 0, len(devices))
	for _, d := range devices {
		n, err := strconv.Atoi(d)
		if err != nil {
			out = append(out, d)
			continue
		}
		links, err := capture.Links()
		if err != nil {
			return nil, err
		}
		if n < 0 || n >= len(links) {
			return nil, fmt.Errorf("device %d: there are %d interfaces; `qubesbeat devices` lists them", n, len(links))
		}
		out = append(out, links[n].Name)
	}
	return out, nil
}

// checkDevices tells of devices that are not there. One that is missing is
// waited for, as vifs come and go; when nothing at all is there to capture and
// every device was given by its full name, that is a mistake.
func checkDevices(m *capture.Matcher, log *logp.Logger) error {
	links, err := capture.Links()
	if err != nil {
		return err
	}
	missing := m.Missing(links)
	for _, name := range missing {
		log.Warnw("interface does not exist yet; waiting for it", "interface", name)
	}
	if len(missing) > 0 && len(m.Select(links)) == 0 && !m.HasPattern() {
		return fmt.Errorf("no such interface: %q; `qubesbeat devices` lists those that exist, "+
			"a pattern such as \"vif*\" may wait for its first one", missing)
	}
	return nil
}
