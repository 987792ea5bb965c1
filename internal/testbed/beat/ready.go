package beat

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// LaunchReady is Launch for qubesbeat, and returns when the beat has told its service
// manager that it is ready: its sockets are open and it captures.
func (c Command) LaunchReady(tb testing.TB) *Beat {
	tb.Helper()
	socket := filepath.Join(c.Home, "notify")
	_ = os.Remove(socket) // of a beat that was here before
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() }) // not before: the beat also announces its stop
	c.Env = append(c.Env[:len(c.Env):len(c.Env)], "NOTIFY_SOCKET="+socket)
	b := c.Launch(tb)
	select {
	case <-readiness(conn):
	case <-b.Ended():
		tb.Fatalf("the beat ended before it was ready: %v\n%s", b.Err(), b.Tail())
	case <-time.After(Timeout):
		tb.Fatalf("the beat is not ready after %v\n%s", Timeout, b.Tail())
	}
	return b
}

// readiness returns a channel that is closed when READY=1 arrives. It reads until the
// socket is closed.
func readiness(conn *net.UnixConn) <-chan struct{} {
	ready := make(chan struct{})
	go func() {
		buf := make([]byte, 256)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			if string(buf[:n]) == "READY=1" {
				close(ready) // it is sent once
			}
		}
	}()
	return ready
}
