package dom0_test

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

// waitTimeout is how long a test waits for what must arrive. Only failing tests wait that
// long.
const waitTimeout = 8 * time.Second

// A qubesd answers on a unix socket as that of dom0 does.
type qubesd struct {
	path    string
	world   *world
	streams chan net.Conn // that the script listens on for events
	served  sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
	asked    []string                                        // METHOD+ARG QUBE
	faults   []string                                        // requests that are not in the wire format
	spoil    func(method, name string, answer []byte) []byte // may be nil
}

func newQubesd(path string, w *world) *qubesd {
	return &qubesd{path: path, world: w, streams: make(chan net.Conn, 16)}
}

// start listens, as at the boot of dom0 and after a restart.
func (d *qubesd) start(t testing.TB) {
	t.Helper()
	l, err := net.Listen("unix", d.path)
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
func (d *qubesd) know(conn net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conns == nil {
		_ = conn.Close()
		return false
	}
	d.conns[conn] = true
	return true
}

// stop removes the socket and closes all connections.
func (d *qubesd) stop() {
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
func (d *qubesd) serve(conn net.Conn) {
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
		d.streams <- conn
		return
	}
	answer := []byte(d.world.answerTo(method, name))
	if spoil != nil {
		answer = spoil(method, name, answer)
	}
	_, _ = conn.Write(answer)
	_ = conn.Close()
}

// split takes METHOD+ARG dom0 name QUBE NUL apart. No call of the script has a payload.
func split(request []byte) (method, name string, err error) {
	words := strings.Split(strings.TrimSuffix(string(request), "\x00"), " ")
	if len(words) != 4 || words[1] != "dom0" || words[2] != "name" || bytes.IndexByte(request, 0) != len(request)-1 {
		return string(request), "", fmt.Errorf("%q is no request", request)
	}
	return words[0], words[3], nil
}

// stream waits until the script listens for events.
func (d *qubesd) stream(t testing.TB) net.Conn {
	t.Helper()
	select {
	case conn := <-d.streams:
		return conn
	case <-time.After(waitTimeout):
		t.Fatal("the script does not listen for events")
		return nil
	}
}

// spoilWith sets what is done to answers; nil for nothing.
func (d *qubesd) spoilWith(f func(method, name string, answer []byte) []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.spoil = f
}

// count returns how often a method was called, and all requests that were no requests.
func (d *qubesd) count(method string) (calls int, faults []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.asked {
		if strings.HasPrefix(a, method) {
			calls++
		}
	}
	return calls, d.faults
}
