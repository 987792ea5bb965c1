package mixture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/qubesbeat/qubesbeat/bench/pcapfile"
	"github.com/qubesbeat/qubesbeat/bench/traffic"
)

// formatVersion is part of the file name: it must grow with every change of
// the bytes that a Config gives.
const formatVersion = 1

// maxRepeats is the number of different addresses that [shift] gives.
const maxRepeats = 256

// ErrNoCaptures is returned if there is nothing to merge.
var ErrNoCaptures = errors.New("no Ethernet captures found")

// Config says what to merge.
type Config struct {
	// Root is the folder that is searched for captures, with its subfolders.
	Root string

	// Skip are names of files to leave out.
	Skip []string

	// MinPackets is the number of packets that must be reached.
	MinPackets int
}

// Path returns the name in dir of the file that c describes. It is the same
// when the contents of c.Root have changed.
func (c *Config) Path(dir string) string {
	return filepath.Join(dir, fmt.Sprintf("mix%d-%dp-%ds.pcap", formatVersion, c.MinPackets, len(c.Skip)))
}

// packet is a frame of one of the captures.
type packet struct {
	data    []byte
	origLen int

	// place is the position within the capture, from 0 to 1.
	place float64
}

// Generate writes the merged capture to w. It returns an error wrapping
// [ErrNoCaptures] if there is nothing to merge. It holds all captures in
// memory.
func (c *Config) Generate(w *pcapfile.Writer) error {
	packets, err := c.load()
	if err != nil {
		return err
	}

	if len(packets) == 0 {
		return fmt.Errorf("searching %s: %w", c.Root, ErrNoCaptures)
	}

	repeats := (c.MinPackets + len(packets) - 1) / len(packets)
	if repeats > maxRepeats {
		return fmt.Errorf("%d packets in %s are too few for %d", len(packets), c.Root, c.MinPackets)
	}

	// The copy keeps the original packets intact for the next repetition.
	var frame []byte
	total := repeats * len(packets)
	for i := range total {
		p := &packets[i%len(packets)]
		frame = append(frame[:0], p.data...)
		shift(frame, byte(i/len(packets)))
		if err = w.Write(traffic.Micros(i, total), frame, p.origLen); err != nil {
			return err
		}
	}

	return nil
}

// load returns the packets of all captures in the order of one repetition.
func (c *Config) load() (packets []packet, err error) {
	err = filepath.WalkDir(c.Root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || slices.Contains(c.Skip, d.Name()) {
			return err
		}

		more, err := read(name)
		packets = append(packets, more...)

		return err
	})
	if err != nil {
		return nil, fmt.Errorf("searching captures: %w", err)
	}

	// WalkDir is in lexical order and the sort is stable, so the order is the
	// same on every machine.
	slices.SortStableFunc(packets, func(a, b packet) int {
		switch {
		case a.place < b.place:
			return -1
		case a.place > b.place:
			return 1
		default:
			return 0
		}
	})

	return packets, nil
}

// read returns the packets of the file called name, none if it is not an
// Ethernet capture.
func read(name string) (packets []packet, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()

	r, err := pcapfile.NewReader(f)
	if errors.Is(err, pcapfile.ErrFormat) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}

	for r.LinkType == pcapfile.LinkTypeEthernet {
		rec, err := r.Next()
		if err == io.EOF || errors.Is(err, pcapfile.ErrFormat) {
			break
		} else if err != nil {
			return nil, err
		}

		// An original length below the captured one is nonsense that
		// programs answer differently.
		packets = append(packets, packet{
			data:    bytes.Clone(rec.Data),
			origLen: max(rec.OrigLen, len(rec.Data)),
		})
	}

	for i := range packets {
		packets[i].place = float64(i) / float64(len(packets))
	}

	return packets, nil
}
