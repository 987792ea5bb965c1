package lists

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
)

// content is the text of a list: in a file, or in memory where no file could be
// written. A list of a million names is 25 MB of text, of which no more than a
// line needs to be in memory.
type content struct {
	path string // "" where it is in memory
	data []byte
	sum  [sha256.Size]byte
	note []byte // to be kept with it, nil for nothing

	unwritten error // why it is not in a file
}

// take reads a text into a new file beside the copies, no more than the limit.
func (m *Manager) take(r io.Reader) (*content, error) {
	hash := sha256.New()
	r = io.TeeReader(io.LimitReader(r, m.conf.MaxBytes+1), hash)
	c := &content{}
	n, err := m.write(c, r)
	if err == nil && n > m.conf.MaxBytes {
		err = fmt.Errorf("it has more than %d bytes", m.conf.MaxBytes)
	}
	if err != nil {
		c.remove()
		return nil, err
	}
	hash.Sum(c.sum[:0])
	return c, nil
}

// write writes to a file, or to memory where there is no place for files.
func (m *Manager) write(c *content, r io.Reader) (n int64, err error) {
	var f *os.File
	if m.conf.Dir != "" {
		f, err = os.CreateTemp(m.conf.Dir, ".new-*")
	}
	if f == nil {
		if err != nil {
			c.unwritten = fmt.Errorf("keeping a copy: %w", err)
		}
		c.data, err = io.ReadAll(r)
		return int64(len(c.data)), err
	}
	c.path = f.Name()
	n, err = io.Copy(f, r)
	return n, errors.Join(err, f.Sync(), f.Close())
}

// parse reads the rules.
func (c *content) parse(opts blocklist.Options, use func(*blocklist.Rule) error) (blocklist.Report, error) {
	if c.path == "" {
		return blocklist.Parse(bytes.NewReader(c.data), opts, use)
	}
	f, err := os.Open(c.path)
	if err != nil {
		return blocklist.Report{}, err
	}
	defer f.Close()
	return blocklist.Parse(f, opts, use)
}

// perRule is about how many bytes a line of a list has.
const perRule = 24

// guess returns about how many rules there are.
func (c *content) guess() int {
	if c == nil {
		return 0
	}
	if info, err := os.Stat(c.path); err == nil && c.path != "" {
		return int(info.Size() / perRule)
	}
	return len(c.data) / perRule
}

// remove removes a file that has not been kept.
func (c *content) remove() {
	if c.path != "" {
		_ = os.Remove(c.path)
	}
}
