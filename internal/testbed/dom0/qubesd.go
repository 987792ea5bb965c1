package dom0

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// Timeout is how long a test waits for what must arrive. Only failing tests wait that
// long.
const Timeout = 8 * time.Second

// A Qubesd answers on a unix socket as that of dom0 does.
type Qubesd struct {
	// Path is the socket.
	Path string
	// Streams are the connections on which a script listens for events.
	Streams chan net.Conn

	world  *World
	served sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
	asked    []string                                        // METHOD+ARG QUBE
	faults   []string                                        // requests that are not in the wire format
	spoil    func(method, name string, answer []byte) []byte // may be nil
}

// NewQubesd returns a qubesd for a socket, which does not listen yet.
func NewQubesd(path string, w *World) *Qubesd {
	return &Qubesd{Path: path, world: w, Streams: make(chan net.Conn, 16)}
}

// Start listens, as at the boot of dom0 and after a restart.
func (d *Qubesd) Start(t testing.TB) {
	t.Helper()
	l, err := net.Listen("unix", d.Path)
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.listener, d.conns = l, map[net.Conn]bool{}
	d.mu.Unlock()
	d.served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if d.know(conn) {
				d.served.Go(func() { d.serve(conn) })
			}
		}
	})
}

// know remembers a connection, or closes it where qubesd is being stopped.
func (d *Qubesd) know(conn net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conns == nil {
		_ = conn.Close()
		return false
	}
	d.conns[conn] = true
	return true
}

// Stop removes the socket and closes all connections.
func (d *Qubesd) Stop() {
	d.mu.Lock()
	_ = d.listener.Close()
	for conn := range d.conns {
		_ = conn.Close()
	}
	d.conns = nil
	d.mu.Unlock()
	d.served.Wait()
}

// serve answers the one request of a connection. A stream of events stays open.
func (d *Qubesd) serve(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	request, err := io.ReadAll(conn) // until the client has shut down its side
	if err != nil || len(request) == 0 {
		_ = conn.Close()
		return
	}
	method, name, err := split(request)
	d.mu.Lock()
	if err != nil {
		d.faults = append(d.faults, err.Error())
	}
	d.asked = append(d.asked, method+" "+name)
	spoil := d.spoil
	d.mu.Unlock()
	if method == "admin.Events+" && name == "dom0" {
		d.Streams <- conn
		return
	}
	answer := []byte(d.world.AnswerTo(method, name))
	if spoil != nil {
		answer = spoil(method, name, answer)
	}
	_, _ = conn.Write(answer)
	_ = conn.Close()
}

// split takes METHOD+ARG dom0 name QUBE NUL apart. No call of the scripts has a payload.
func split(request []byte) (method, name string, err error) {
	words := strings.Split(strings.TrimSuffix(string(request), "\x00"), " ")
	if len(words) != 4 || words[1] != "dom0" || words[2] != "name" || bytes.IndexByte(request, 0) != len(request)-1 {
		return string(request), "", fmt.Errorf("%q is no request", request)
	}
	return words[0], words[3], nil
}

// Stream waits until the script listens for events.
func (d *Qubesd) Stream(t testing.TB) net.Conn {
	t.Helper()
	select {
	case conn := <-d.Streams:
		return conn
	case <-time.After(Timeout):
		t.Fatal("the script does not listen for events")
		return nil
	}
}

// Spoil sets what is done to answers; nil for nothing.
func (d *Qubesd) Spoil(f func(method, name string, answer []byte) []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.spoil = f
}

// Count returns how often a method was called, and all requests that were no requests.
func (d *Qubesd) Count(method string) (calls int, faults []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.asked {
		if strings.HasPrefix(a, method) {
			calls++
		}
	}
	return calls, d.faults
}
