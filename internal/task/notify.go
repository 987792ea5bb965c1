package task

import (
	"fmt"
	"net"
	"os"
	"time"
)

// notifyTimeout bounds the wait for a service manager that does not read.
const notifyTimeout = time.Second

// Notify sends a state, such as READY=1, to the service manager that started the
// process (sd_notify(3)). It does nothing if NOTIFY_SOCKET is not set. A name that
// begins with @ is in Linux' abstract namespace.
func Notify(state string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("reaching the service manager: %w", err)
	}
	defer conn.Close()
	_ = conn.SetWriteDeadline(time.Now().Add(notifyTimeout))
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("sending %s to the service manager: %w", state, err)
	}
	return nil
}
