package outputcheck

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/testing"
	"github.com/elastic/elastic-agent-libs/transport"
)

// logstashSettings are the keys of output.logstash that a connection depends on.
type logstashSettings struct {
	Timeout time.Duration         `config:"timeout"`
	Proxy   transport.ProxyConfig `config:",inline"`
}

const logstashPort = "5044"

// checkLogstash tests the hosts of output.logstash.
func checkLogstash(d *driver, info beat.Info, c *conf.C) error {
	settings := logstashSettings{Timeout: 30 * time.Second}
	hosts, tls, err := read("logstash", c, &settings, info)
	if err != nil {
		return err
	}
	for _, host := range hosts {
		e := endpoint{address: withPort(host, logstashPort), tls: tls, proxy: &settings.Proxy, timeout: settings.Timeout, log: info.Logger}
		d.host(e.plain(), func() {
			d.Run("logstash: "+e.address, func(d testing.Driver) {
				e.dial(d)
				how, err := lumberjack(&e)
				d.Fatal("talk to server", err)
				d.Info("empty window", how)
			})
		})
	}
	return nil
}

// withPort returns a host with a port.
func withPort(host, port string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

// emptyWindow says that no events follow, in version 2 of Logstash's protocol.
const emptyWindow = "2W\x00\x00\x00\x00"

// notLumberjack is answered by HTTP servers, and refused by others.
const notLumberjack = "GET / HTTP/1.0\r\n\r\n"

// lumberjack sends an empty window, which a receiver takes without an answer: neither
// Logstash nor go-lumber acknowledges one. So it must not close the connection, and it
// must not answer HTTP. It returns what the receiver did.
func lumberjack(e *endpoint) (how string, err error) {
	answer, err := ask(e, emptyWindow)
	switch {
	case err != nil:
		return "", fmt.Errorf("sending an empty window: %w", err)
	case bytes.HasPrefix(answer, []byte("2A")):
		return "acknowledged", nil
	case len(answer) > 0:
		return "", identify(answer)
	}
	answer, err = ask(e, notLumberjack)
	switch {
	case len(answer) > 0:
		return "", identify(answer)
	case err != nil:
		return "taken; what is not Logstash's protocol is refused", nil
	}
	return "taken; the server says nothing about what is not Logstash's protocol, either, as older versions of Logstash", nil
}

// identify returns an error that says what answers.
func identify(answer []byte) error {
	switch {
	case bytes.HasPrefix(answer, []byte("HTTP/")):
		return errors.New("lumberjack protocol error: an HTTP server answers")
	case bytes.HasPrefix(answer, []byte("\x15\x03")):
		return errTLS
	}
	return fmt.Errorf("lumberjack protocol error: the server answers %q", answer)
}

// ask makes a connection, sends a text and returns the begin of the answer. It returns
// nothing if the server keeps the connection and does not answer in time, and an error
// if it closes the connection.
func ask(e *endpoint, text string) ([]byte, error) {
	conn, err := e.connect()
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(min(probeTime, e.timeout)))
	if _, err := io.WriteString(conn, text); err != nil {
		return nil, err
	}
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return answer[:n], err
}
