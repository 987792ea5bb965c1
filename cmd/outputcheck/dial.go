package outputcheck

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/testing"
	"github.com/elastic/elastic-agent-libs/transport"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"
)

// endpoint is a host of an output, and how it is reached.
type endpoint struct {
	address string // host and port
	tls     *tlscommon.TLSConfig
	proxy   *transport.ProxyConfig // nil or without a URL: none
	timeout time.Duration
	log     *logp.Logger
}

// plain returns the address if there is no TLS, else "".
func (e *endpoint) plain() string {
	if e.tls != nil || e.throughProxy() {
		return ""
	}
	return e.address
}

func (e *endpoint) throughProxy() bool { return e.proxy != nil && e.proxy.URL != "" }

// dial prints the steps of a connection, as libbeat's tests do, and ends it.
func (e *endpoint) dial(d testing.Driver) {
	if e.throughProxy() {
		d.Info("proxy", e.proxy.URL)
		return
	}
	d.Run("connection", func(d testing.Driver) {
		conn, err := transport.TestNetDialer(d, e.timeout).Dial("tcp", e.address)
		d.Fatal("dial up", err)
		_ = conn.Close()
	})
	if e.tls == nil {
		d.Warn("TLS", "secure connection disabled")
		return
	}
	d.Run("TLS", func(d testing.Driver) {
		conn, err := transport.TestTLSDialer(d, transport.NetDialer(e.timeout), e.tls, e.timeout, e.log).Dial("tcp", e.address)
		d.Fatal("dial up", err)
		defer func() { _ = conn.Close() }()
		d.Fatal("stay connected", refusal(conn))
	})
}

// refusalTime is how long a server may take to refuse a client after the handshake.
const refusalTime = 500 * time.Millisecond

// refusal returns why a server that says nothing by itself ends a connection. In TLS 1.3 the
// client's handshake is over before the server has seen its certificate (RFC 8446 section
// 4.4.2.4); a client that writes first often learns no more than that the connection is
// cut.
func refusal(conn net.Conn) error {
	if err := conn.SetReadDeadline(time.Now().Add(refusalTime)); err != nil {
		return err
	}
	_, err := conn.Read(make([]byte, 1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// connect returns a connection as the output makes it.
func (e *endpoint) connect() (net.Conn, error) {
	dialer, err := transport.MakeDialer(transport.Config{Proxy: e.proxy, TLS: e.tls, Timeout: e.timeout}, e.log)
	if err != nil {
		return nil, err
	}
	return dialer.DialContext(context.Background(), "tcp", e.address)
}

// errTLS is what a server does, for the table of hints.
var errTLS = errors.New("the server speaks TLS")

// probeTime is how long a server that is only asked what it is may take.
const probeTime = 2 * time.Second

// speaksTLS reports whether a server answers a ClientHello, whatever its certificate. It
// sends nothing else.
func speaksTLS(address string) bool {
	conn, err := net.DialTimeout("tcp", address, probeTime)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(probeTime))
	host, _, _ := net.SplitHostPort(address)
	err = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: host}).Handshake() //nolint:gosec // nothing is sent
	return err == nil || isRemoteAlert(err)
}

// isRemoteAlert reports whether the server has answered with a TLS alert.
func isRemoteAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}
