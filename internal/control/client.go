package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Client calls the server behind a socket.
type Client struct {
	path string
	http http.Client
}

// NewClient returns a client. It opens nothing yet.
func NewClient(path string) *Client {
	return &Client{path: path, http: http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}}}
}

// Get asks for something and reads the answer into v.
func (c *Client) Get(ctx context.Context, what string, values url.Values, v any) error {
	return c.do(ctx, http.MethodGet, what+"?"+values.Encode(), "", v)
}

// Post has something done and reads the answer into v.
func (c *Client) Post(ctx context.Context, what string, values url.Values, v any) error {
	return c.do(ctx, http.MethodPost, what, values.Encode(), v)
}

func (c *Client) do(ctx context.Context, method, what, body string, v any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://qubesbeat"+what, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.http.Do(r)
	if err != nil {
		return c.hint(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var f fault
		if err := json.NewDecoder(resp.Body).Decode(&f); err != nil || f.Error == "" {
			return fmt.Errorf("the beat answers %s", resp.Status)
		}
		return errors.New(f.Error)
	}
	return json.NewDecoder(resp.Body).Decode(v)
}

// hint says what to do where the beat cannot be reached.
func (c *Client) hint(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: only the user of the beat may open it; try sudo", c.path)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: no such socket: the beat is not running, has nothing that answers there (resolver.listen, verify.enabled), or uses another socket (--socket)", c.path)
	}
	return fmt.Errorf("%s: the beat does not answer: %w", c.path, errors.Unwrap(err))
}
