package archive

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// maxEvents bounds a file, as its bytes do.
const maxEvents = 1 << 20

// incoming is a file that comes from the sender. It is kept as it came until all of it
// is there.
type incoming struct {
	file        *os.File
	inspect     func(line []byte) (string, time.Time, error)
	sum         hash.Hash
	bytes       int64
	events      batch // of the lines that are events
	refused     int   // lines that are none
	lines       int
	first, last time.Time
	reason      string // why the first line was refused
}

// newIncoming makes a file in a folder.
func newIncoming(dir string, inspect func([]byte) (string, time.Time, error)) (*incoming, error) {
	f, err := os.CreateTemp(dir, "incoming-")
	if err != nil {
		return nil, err
	}
	return &incoming{file: f, inspect: inspect, sum: sha256.New()}, nil
}

// remove removes the file.
func (i *incoming) remove() {
	_ = i.file.Close()
	_ = os.Remove(i.file.Name())
}

// fill takes size bytes from the sender.
func (i *incoming) fill(r io.Reader, size int64) error {
	out := bufio.NewWriterSize(i.file, 1<<16)
	in := io.TeeReader(io.LimitReader(r, size), io.MultiWriter(out, i.sum))
	n, err := eachLine(in, i.look)
	if err != nil {
		return err
	}
	if i.bytes = n; n != size {
		return io.ErrUnexpectedEOF
	}
	return out.Flush()
}

// look looks at a line.
func (i *incoming) look(line []byte) {
	i.lines++
	id, at, err := i.inspect(line)
	if err == nil && len(i.events) == maxEvents {
		err = fmt.Errorf("there are %d events before it, the most that a file may have", maxEvents)
	}
	if err != nil {
		if i.refused++; i.refused == 1 {
			i.reason = fmt.Sprintf("line %d: %v", i.lines, err)
		}
		return
	}
	i.events = append(i.events, numbered{identity: identityOf(id, line), line: int32(i.lines)})
	if len(i.events) == 1 || at.Before(i.first) {
		i.first = at
	}
	if len(i.events) == 1 || at.After(i.last) {
		i.last = at
	}
}

// digest returns the SHA-256 of what came, in hexadecimal.
func (i *incoming) digest() string { return hex.EncodeToString(i.sum.Sum(nil)) }

// writeNew writes the lines that are new events.
func (i *incoming) writeNew(w io.Writer) error {
	keep := make([]bool, i.lines+1)
	for _, e := range i.events {
		keep[e.line] = e.fate == isNew
	}
	if _, err := i.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	n := 0
	var failure error
	_, err := eachLine(i.file, func(line []byte) {
		if n++; keep[n] && failure == nil {
			_, err := w.Write(line)
			_, ended := w.Write([]byte{'\n'})
			failure = errors.Join(err, ended)
		}
	})
	return errors.Join(err, failure)
}

// eachLine calls use for each line that r has, without its end, and returns how many bytes
// that are; a line that is too long comes as nil. The line is valid until use returns, and
// must not be changed.
func eachLine(r io.Reader, use func(line []byte)) (bytes int64, err error) {
	lines := eventfile.NewLines(r, eventfile.MaxLine)
	for {
		line, _, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return lines.End, nil
		}
		if err != nil {
			return lines.End, err
		}
		use(line)
	}
}
