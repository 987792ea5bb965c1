//go:build linux

package testbed

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// QubesDB speaks the protocol of qubesdb-daemon, as its header file describes it
// (qubes-core-qubesdb, include/qubesdb.h).
type QubesDB struct {
	// Path is the socket.
	Path string

	mu      sync.Mutex
	entries map[string]string   // guarded by mu, as watches
	watches map[net.Conn]string // the prefix that each connection watches
}

// StartQubesDB starts a daemon with entries. It ends with the test.
func StartQubesDB(tb TB, entries map[string]string) *QubesDB {
	tb.Helper()
	dir, err := os.MkdirTemp("", "qubesdb-")
	if err != nil {
		tb.Fatalf("testbed: %v", err)
	}
	d := &QubesDB{Path: filepath.Join(dir, "s"), entries: entries, watches: map[net.Conn]string{}}
	l, err := net.Listen("unix", d.Path)
	if err != nil {
		tb.Fatalf("testbed: %v", err)
	}
	tb.Cleanup(func() {
		_ = l.Close()
		_ = os.RemoveAll(dir)
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go d.serve(c)
		}
	}()
	return d
}

// The commands and responses of the header file.
const (
	qdbRead, qdbMultiRead, qdbWatch               = 0, 2, 5
	qdbOK, qdbNoEntry, qdbError, qdbValue, qdbAll = 7, 8, 9, 10, 11
	qdbChanged                                    = 13
	qdbHeader, qdbPath                            = 72, 64
)

// SendQubesDB writes one frame.
func SendQubesDB(w io.Writer, kind byte, path, data string) {
	b := make([]byte, qdbHeader, qdbHeader+len(data))
	b[0] = kind
	copy(b[1:1+qdbPath], path)
	binary.LittleEndian.PutUint32(b[qdbHeader-4:], uint32(len(data)))
	_, _ = w.Write(append(b, data...))
}

func (d *QubesDB) serve(c net.Conn) {
	defer func() {
		d.mu.Lock()
		delete(d.watches, c)
		d.mu.Unlock()
		_ = c.Close()
	}()
	for b := make([]byte, qdbHeader); ; {
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		path, _, _ := bytes.Cut(b[1:1+qdbPath], []byte{0})
		d.answer(c, b[0], string(path))
	}
}

func (d *QubesDB) answer(c net.Conn, command byte, path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch command {
	case qdbRead:
		if v, ok := d.entries[path]; ok {
			SendQubesDB(c, qdbValue, path, v)
		} else {
			SendQubesDB(c, qdbNoEntry, path, "")
		}
	case qdbMultiRead:
		for p, v := range d.entries {
			if strings.HasPrefix(p, path) {
				SendQubesDB(c, qdbAll, p, v)
			}
		}
		SendQubesDB(c, qdbAll, "", "")
	case qdbWatch:
		d.watches[c] = path
		SendQubesDB(c, qdbOK, path, "")
	default:
		SendQubesDB(c, qdbError, path, "")
	}
}

// Set writes an entry, as dom0 does, and notifies the watches.
func (d *QubesDB) Set(path, value string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries[path] = value
	for c, prefix := range d.watches {
		if strings.HasPrefix(path, prefix) {
			SendQubesDB(c, qdbChanged, path, "")
		}
	}
}
