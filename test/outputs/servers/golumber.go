package servers

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"testing"

	v2 "github.com/elastic/go-lumber/server/v2"
)

// GoLumber is Elastic's own receiver of the Logstash output, in the test's process.
type GoLumber struct {
	Address string

	mu     sync.Mutex
	events []json.RawMessage // guarded by mu
}

// StartGoLumber starts the receiver without TLS.
func StartGoLumber(tb testing.TB) *GoLumber {
	tb.Helper()
	return StartSecureGoLumber(tb, nil)
}

// StartSecureGoLumber starts the receiver with the settings of TLS; nil means without.
func StartSecureGoLumber(tb testing.TB, c *tls.Config) *GoLumber {
	tb.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", freePort(tb)))
	if err != nil {
		tb.Fatal(err)
	}
	g := &GoLumber{Address: l.Addr().String()}
	if c != nil {
		l = tls.NewListener(l, c)
	}
	s, err := v2.NewWithListener(l, v2.JSONDecoder(func(text []byte, v any) error {
		*v.(*any) = json.RawMessage(append([]byte(nil), text...))
		return nil
	}))
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for batch := s.Receive(); batch != nil; batch = s.Receive() {
			g.mu.Lock()
			for _, e := range batch.Events {
				g.events = append(g.events, e.(json.RawMessage))
			}
			g.mu.Unlock()
			batch.ACK()
		}
	}()
	tb.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return g
}

// Events returns what was received so far.
func (g *GoLumber) Events() []json.RawMessage {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]json.RawMessage(nil), g.events...)
}
