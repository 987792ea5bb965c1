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

// content is the text of a list: in a file, or in memory if no file could be
// written. A list of a million names has 25 MB of text, of which only a line at a
// time needs to be in memory.
type content struct {
	path    string            // "" if the text is in memory
	data    []byte            // nil if the text is in a file
	sum     [sha256.Size]byte // of the text
	version []byte            // to be stored with the text, nil for none

	unwritten error // why the text is not in a file
}

// receive reads a text into a new file beside the copies. It returns an error if
// the text exceeds Config.MaxBytes.
func (m *Manager) receive(r io.Reader) (*content, error) {
	hash := sha256.New()
	r = io.TeeReader(io.LimitReader(r, m.conf.MaxBytes+1), hash)
	c := &content{}
	n, err := m.write(c, r)
	if err == nil && n > m.conf.MaxBytes {
		err = fmt.Errorf("more than %d bytes", m.conf.MaxBytes)
	}
	if err != nil {
		c.remove()
		return nil, err
	}
	hash.Sum(c.sum[:0])
	return c, nil
}

// maxMemory bounds the texts of all lists that are kept in memory, in bytes.
const maxMemory = 256 << 20

// room returns how many bytes of texts more may be kept in memory. It is called with
// work held.
func (m *Manager) room() int64 {
	n := int64(maxMemory)
	for _, text := range m.copies {
		n -= int64(len(text))
	}
	return max(n, 0)
}

// write writes the text to a file, or to memory if there is no directory or it is
// not writable.
func (m *Manager) write(c *content, r io.Reader) (n int64, err error) {
	var f *os.File
	if m.conf.Dir != "" {
		f, err = os.CreateTemp(m.conf.Dir, ".new-*")
	}
	if f == nil {
		if err != nil {
			c.unwritten = fmt.Errorf("keeping a copy: %w", err) // reported by store
		}
		room := m.room()
		c.data, err = io.ReadAll(io.LimitReader(r, room+1))
		if n := int64(len(c.data)); err == nil && n > room && n <= m.conf.MaxBytes {
			err = fmt.Errorf("lists that cannot be stored may have %d bytes together: "+
				"let the beat write to list_refresh.dir", maxMemory)
		}
		return int64(len(c.data)), err
	}
	c.path = f.Name()
	n, err = io.Copy(f, r)
	return n, errors.Join(err, f.Sync(), f.Close())
}

// parse reads the rules and calls use with each.
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

// headSize is how much of a text head returns, in bytes.
const headSize = 4 << 10

// head returns the beginning of the text, nil if it cannot be read.
func (c *content) head() []byte {
	if c.path == "" {
		return c.data[:min(len(c.data), headSize)]
	}
	f, err := os.Open(c.path)
	if err != nil {
		return nil
	}
	defer f.Close()
	b := make([]byte, headSize)
	n, _ := io.ReadFull(f, b)
	return b[:n]
}

// perRule is the average length of a line in bytes.
const perRule = 24

// guess returns an estimate of the number of rules. A nil content has none.
func (c *content) guess() int {
	if c == nil {
		return 0
	}
	if info, err := os.Stat(c.path); err == nil && c.path != "" {
		return int(info.Size() / perRule)
	}
	return len(c.data) / perRule
}

// remove deletes the file of a content that has not been stored.
func (c *content) remove() {
	if c.path != "" {
		_ = os.Remove(c.path)
	}
}
