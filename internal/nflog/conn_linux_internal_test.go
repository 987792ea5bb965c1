package nflog

import (
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// TestConn_Close ends Run at once, although no message arrives: reading has no timeout.
func TestConn_Close(t *testing.T) {
	t.Parallel()
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		t.Skipf("no netfilter netlink: %v", err)
	}
	c := &Conn{conn: conn}
	done := make(chan error, 1)
	go func() { done <- c.Run(nil, func(*Message) {}, func() {}) }()
	begun := time.Now()
	if err := c.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("Run = %v; want nil", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("Run returned after %v", took)
	}
}
