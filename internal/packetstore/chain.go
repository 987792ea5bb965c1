package packetstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// Events of the chain.
const (
	Opened    = "opened" // of an encrypted segment, whose own head no one can read here
	Sealed    = "sealed"
	Repaired  = "repaired"
	Evicted   = "evicted"
	Forgotten = "forgotten"
	Kept      = "kept"
)

// Line is a line of the chain: what happened to a segment. A line has the digest of the
// one before it, so that nothing can be changed, added or left out but at the end.
type Line struct {
	Number   uint64    `json:"n"`
	At       time.Time `json:"at"`
	Event    string    `json:"event"`
	Name     string    `json:"name"`
	Bytes    int64     `json:"bytes"`
	Packets  uint32    `json:"packets"`
	First    int64     `json:"first"` // time of the first packet, Unix nanoseconds
	Last     int64     `json:"last"`
	Segment  string    `json:"blake3,omitempty"` // digest of the file, see sum
	Index    string    `json:"index,omitempty"`  // SHA-256 of the index
	Reason   string    `json:"reason,omitempty"`
	Previous string    `json:"prev"`
}

// Bounds of the chain: no line that is longer can be read, a longer file is begun again.
const (
	maxLine  = 64 << 10 // a line has less than 4 KiB; one with pages of zeros is damage of that line only
	maxChain = 64 << 20
)

// chain is the end of the chain's file.
type chain struct {
	files  files
	file   file
	size   int64
	number uint64
	head   string // SHA-256 of the last line
}

// openChain opens the chain for appending, and cuts off a line that is not complete. It
// calls do for all lines that are.
func openChain(fsys files, do func(*Line)) (*chain, error) {
	c := &chain{files: fsys}
	f, err := fsys.Edit(chainName)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = c.create()
	}
	if err != nil {
		return nil, fmt.Errorf("opening the chain: %w", err)
	}
	c.file = f
	if err := c.read(do); err != nil {
		return nil, errors.Join(fmt.Errorf("reading the chain: %w", err), f.Close())
	}
	return c, nil
}

// read reads the lines of a file that was opened. Until the end that is not complete is cut off, no one
// may append: it could be a line that another process is writing.
func (c *chain) read(do func(*Line)) error {
	if err := c.file.Lock(true); err != nil {
		return err
	}
	defer func() { _ = c.file.Lock(false) }()
	err := readLines(c.file, func(raw []byte, l *Line, damage error) {
		c.enter(raw, l, damage)
		if damage == nil && do != nil {
			do(l)
		}
	})
	if err != nil {
		return err
	}
	return c.file.Truncate(c.size)
}

// create makes an empty file.
func (c *chain) create() (file, error) {
	f, err := c.files.Create(chainName)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil { // it was opened past the page cache, which lines do not suit
		return nil, err
	}
	return c.files.Edit(chainName)
}

// append writes a line, whose Number and Previous it sets, to the disk. After an error
// the chain is as before. Other processes may append, too.
func (c *chain) append(l *Line) error {
	if err := c.file.Lock(true); err != nil {
		return fmt.Errorf("locking the chain: %w", err)
	}
	locked := c.file
	defer func() { _ = locked.Lock(false) }()
	if err := c.catchUp(); err != nil {
		return fmt.Errorf("reading the chain: %w", err)
	}
	l.Number, l.Previous, l.At = c.number+1, c.head, l.At.UTC()
	raw, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if n, err := c.file.WriteAt(append(raw, '\n'), c.size); err != nil || n != len(raw)+1 {
		if err == nil {
			err = io.ErrShortWrite
		}
		return errors.Join(fmt.Errorf("writing a line of the chain: %w", err), c.file.Truncate(c.size))
	}
	if err := c.file.Sync(); err != nil {
		return errors.Join(fmt.Errorf("writing a line of the chain: %w", err), c.file.Truncate(c.size))
	}
	c.size += int64(len(raw)) + 1
	c.number, c.head = l.Number, digest(raw)
	return nil
}

// trim begins a new file if this one is too long.
func (c *chain) trim() error {
	if c.size <= maxChain {
		return nil
	}
	return c.rotate()
}

// catchUp reads the lines that others have appended, and cuts off one that is not complete.
func (c *chain) catchUp() error {
	size, err := c.file.Size()
	if err != nil || size == c.size {
		return err
	}
	if size < c.size {
		return fmt.Errorf("it was cut from %d to %d bytes", c.size, size)
	}
	err = readLines(&shifted{c.file, c.size}, func(raw []byte, l *Line, damage error) {
		c.enter(raw, l, damage)
	})
	if err != nil {
		return err
	}
	return c.file.Truncate(c.size)
}

// enter takes over a complete line.
func (c *chain) enter(raw []byte, l *Line, damage error) {
	c.size += int64(len(raw)) + 1
	c.number++
	if damage == nil {
		c.number = l.Number
	}
	c.head = digest(raw)
}

// shifted reads a file from an offset on.
type shifted struct {
	file io.ReaderAt
	base int64
}

// ReadAt implements [io.ReaderAt].
func (s *shifted) ReadAt(b []byte, at int64) (int, error) { return s.file.ReadAt(b, s.base+at) }

// rotate begins a new file. The one before is kept, the one before that is removed. After an error the
// chain is as before.
func (c *chain) rotate() error {
	if err := c.files.Rename(chainName, oldChain); err != nil {
		return fmt.Errorf("beginning another file of the chain: %w", err)
	}
	f, err := c.create()
	if err != nil {
		return errors.Join(fmt.Errorf("beginning another file of the chain: %w", err), c.files.Rename(oldChain, chainName))
	}
	old := c.file
	c.file, c.size = f, 0
	return old.Close()
}

func (c *chain) close() error { return c.file.Close() }

// readLines calls do for each complete line of a chain. damage says why a line is none;
// l is not valid then.
func readLines(f io.ReaderAt, do func(raw []byte, l *Line, damage error)) error {
	in := io.NewSectionReader(f, 0, 1<<62)
	buf, have := make([]byte, maxLine), 0
	for {
		n, err := in.Read(buf[have:])
		have += n
		rest := buf[:have]
		for {
			raw, after, ok := bytes.Cut(rest, []byte{'\n'})
			if !ok {
				break
			}
			l := new(Line)
			do(raw, l, json.Unmarshal(raw, l))
			rest = after
		}
		have = copy(buf, rest)
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case have == maxLine:
			return fmt.Errorf("a line of more than %d bytes", maxLine)
		}
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
