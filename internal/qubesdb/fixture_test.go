package qubesdb_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// daemon speaks the protocol of the real one, as its header file and its client
// describe it.
type daemon struct {
	path    string
	mu      sync.Mutex
	entries map[string]string // guarded by mu
	watches map[net.Conn]string
}

func newDaemon(t testing.TB, entries map[string]string) *daemon {
	t.Helper()
	d := &daemon{path: filepath.Join(t.TempDir(), "q.sock"), entries: entries, watches: map[net.Conn]string{}}
	l, err := net.Listen("unix", d.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
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

func send(c io.Writer, kind byte, path, data string) {
	b := make([]byte, 72, 72+len(data))
	b[0] = kind
	copy(b[1:65], path)
	binary.LittleEndian.PutUint32(b[68:], uint32(len(data)))
	_, _ = c.Write(append(b, data...))
}

func (d *daemon) serve(c net.Conn) {
	defer c.Close()
	for b := make([]byte, 72); ; {
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		path := string(b[1 : 1+bytes.IndexByte(b[1:65], 0)])
		d.mu.Lock()
		switch b[0] {
		case 0:
			if v, ok := d.entries[path]; ok {
				send(c, 10, path, v)
			} else {
				send(c, 8, path, "")
			}
		case 2:
			for p, v := range d.entries {
				if strings.HasPrefix(p, path) {
					send(c, 11, p, v)
				}
			}
			send(c, 11, "", "")
		case 5:
			d.watches[c] = path
			send(c, 7, path, "")
		default:
			send(c, 9, path, "")
		}
		d.mu.Unlock()
	}
}

// set writes an entry and fires the watches.
func (d *daemon) set(path, value string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries[path] = value
	for c, prefix := range d.watches {
		if strings.HasPrefix(path, prefix) {
			send(c, 13, path, "")
		}
	}
}
