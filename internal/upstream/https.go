package upstream

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// httpsClient queries over HTTP/2 (RFC 8484).
type httpsClient struct {
	guard  *guard.Part // may be nil
	places *places
	url    string
	client *http.Client
}

// messageType is the media type of messages (RFC 8484 section 6).
const messageType = "application/dns-message"

// newHTTPS returns a client for a. The URL has the name in the certificate as its
// host, but p decides where to connect. It follows no redirects, which could
// lead to another server.
func newHTTPS(a *Address, roots *x509.CertPool, p *places, part *guard.Part) *httpsClient {
	dial := dialTLS(tlsConfig(a, roots, "h2", "http/1.1"))
	t := &http.Transport{ForceAttemptHTTP2: true, IdleConnTimeout: keepIdle,
		MaxIdleConnsPerHost: maxStreams, MaxConnsPerHost: maxStreams, ResponseHeaderTimeout: 10 * time.Second,
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return try(ctx, p, dial, closeConn) },
		HTTP2:          &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second}}
	host := a.Name
	if a.Port != 443 {
		host = net.JoinHostPort(host, fmt.Sprint(a.Port))
	}
	return &httpsClient{guard: part, places: p, url: "https://" + host + a.Path, client: &http.Client{Transport: t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// ask implements asker. The id is 0 for the sake of HTTP caches (RFC 8484 section
// 4.1).
func (h *httpsClient) ask(ctx context.Context, q *Query) (*dnsmsg.Reply, error) {
	sent := q.pack(0, true, nil, paddingBlock)
	var used atomic.Pointer[net.Conn]
	if h.places.host != "" {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { used.Store(&i.Conn) }})
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(sent))
	if err != nil {
		return nil, fmt.Errorf("making request: %w", err)
	}
	r.Header.Set("Content-Type", messageType)
	r.Header.Set("Accept", messageType)
	r.Header.Set("User-Agent", "") // reveal nothing about this program
	resp, err := h.client.Do(r)
	if err != nil {
		h.lost(ctx, used.Load())
		if ctx.Err() != nil {
			return nil, ErrTimeout
		}
		return nil, fmt.Errorf("sending query: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server responded with status %q", resp.Status)
	}
	if t := resp.Header.Get("Content-Type"); t != messageType {
		return nil, fmt.Errorf("the server responded with content type %q; want %s", t, messageType)
	}
	msg, err := io.ReadAll(io.LimitReader(resp.Body, 65536))
	if err != nil {
		return nil, readError(ctx, err)
	}
	if len(msg) > 65535 || !dnsmsg.Matches(msg, sent) {
		return nil, fmt.Errorf("the server responded with %d bytes that do not answer the question", len(msg))
	}
	return q.readGuarded(h.guard, msg)
}

// lost lets other addresses of the server be tried before that of a connection over
// which no answer came in time.
func (h *httpsClient) lost(ctx context.Context, used *net.Conn) {
	if used == nil || errors.Is(ctx.Err(), context.Canceled) { // another server was faster
		return
	}
	h.places.lost((*used).RemoteAddr())
	if h.places.host != "" {
		h.client.CloseIdleConnections()
	}
}

// closeConn closes a connection that came too late.
func closeConn(c net.Conn) { _ = c.Close() }

// close implements asker.
func (h *httpsClient) close() { h.client.CloseIdleConnections() }
