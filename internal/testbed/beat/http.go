package beat

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Get reads a page of the beat's HTTP endpoint, which must be the socket HOME/s.
func (b *Beat) Get(page string) ([]byte, error) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", b.Home+"/s")
		}}}
	resp, err := client.Get("http://beat" + page)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", page, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// Counters returns the numbers under /stats by their dotted names, none if the beat does
// not answer.
func (b *Beat) Counters() map[string]uint64 {
	flat := map[string]uint64{}
	body, err := b.Get("/stats")
	if err != nil {
		return flat
	}
	e, err := ParseEvent(body)
	if err != nil {
		return flat
	}
	for name := range e {
		flat[name] = e.Number(name)
	}
	return flat
}
