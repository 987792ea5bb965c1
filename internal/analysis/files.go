package analysis

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// File is a file that was read.
type File struct {
	Name       string // without its folder
	SHA256     string // in hexadecimal, of the file as it is on the disk; "" if it was not read to its end
	Lines      int
	Events     uint64
	Unreadable uint64
	// Foreign counts the events of packetbeat that name no qube.
	Foreign uint64
	// First is why the first unreadable line is none, with its number; "" if there is none.
	First string
	// IsDelta is set if the counters of its events count from the event before.
	IsDelta bool
}

// Read adds the events of a file, or of stdin if path is "-". Lines that are no events are
// counted; the error names the first of them. progress, which may be nil, is called now and
// then with the input.
func (a *Analysis) Read(path string, stdin io.Reader, progress func(*eventfile.Input)) error {
	sum := sha256.New()
	in, err := eventfile.OpenCopy(path, stdin, sum)
	if err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	f := &File{Name: in.Name}
	if path != eventfile.Stdin {
		f.Name = filepath.Base(path)
	}
	a.Files = append(a.Files, f)
	err = a.readLines(f, in, progress)
	if err == nil {
		f.SHA256 = hex.EncodeToString(sum.Sum(nil))
	} else {
		err = fmt.Errorf("reading %s after line %d: %w", in.Name, f.Lines, err)
		f.First = err.Error()
	}
	a.sort()
	if f.Unreadable > 0 {
		err = errors.Join(err, fmt.Errorf("%s: lines that are not events: %d; the first is line %s", in.Name, f.Unreadable, f.First))
	} else if err == nil {
		err = f.fault(in.Name, a.Excluded)
	}
	return errors.Join(err, in.Close())
}

// fault returns what is wrong with a file that could be read, nil for nothing.
func (f *File) fault(name string, excluded uint64) error {
	switch {
	case f.Events == 0 && excluded == 0:
		return fmt.Errorf("%s: there is no event in it", name)
	case f.Events > 0 && f.Foreign == f.Events:
		return fmt.Errorf("%s: its events are of packetbeat, and none names a qube: capture or replay the packets with qubesbeat and an inventory", name)
	}
	return nil
}

// foreign returns 1 if the last event is of packetbeat and names no qube, else 0.
func (a *Analysis) foreign() uint64 {
	if a.line.is(fAgentType, "packetbeat") && len(a.line.value(fQube).Bytes()) == 0 {
		return 1
	}
	return 0
}

// progressEvery is the number of lines after which progress is reported.
const progressEvery = 4096

// readLines reads the lines of a file. The first ones are read ahead, to know whether it
// has delta reports.
func (a *Analysis) readLines(f *File, in *eventfile.Input, progress func(*eventfile.Input)) error {
	all, isDelta := eventfile.Ahead(in)
	f.IsDelta, a.isDelta = isDelta, isDelta
	lines := eventfile.NewLines(all, eventfile.MaxLine)
	for {
		text, tooLong, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		f.Lines = lines.Number
		if err := a.addLine(text, tooLong); err != nil {
			f.note(err)
		} else if len(text) > 0 {
			f.Events++
			f.Foreign += a.foreign()
		}
		if progress != nil && f.Lines%progressEvery == 0 {
			progress(in)
		}
	}
}

// addLine adds a line, which may be empty.
func (a *Analysis) addLine(text []byte, tooLong bool) error {
	switch {
	case tooLong:
		return errTooLong
	case len(text) == 0:
		return nil
	}
	return a.add(text)
}

// note counts a line that is no event.
func (f *File) note(err error) {
	if f.Unreadable++; f.Unreadable == 1 {
		f.First = strconv.Itoa(f.Lines) + ": " + err.Error()
	}
}

// uintText returns a number as text.
func uintText(n uint64) string { return strconv.FormatUint(n, 10) }
