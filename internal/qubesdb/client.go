package qubesdb

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"
)

// Client is a connection to the daemon. It is not safe for concurrent use.
type Client struct{ conn net.Conn }

// answerTimeout bounds a request. The daemon runs on the same machine.
const answerTimeout = 5 * time.Second

// Dial connects to the daemon whose socket is at path. For [Path] it prefers the socket
// that everybody may read from, which newer versions have beside one for a group.
func Dial(path string) (*Client, error) {
	if path == Path {
		if conn, err := net.DialTimeout("unix", readOnlyPath, answerTimeout); err == nil {
			return &Client{conn}, nil
		}
	}
	conn, err := net.DialTimeout("unix", path, answerTimeout)
	if err != nil {
		return nil, fmt.Errorf("connecting to QubesDB: %w", err)
	}
	return &Client{conn}, nil
}

// Close closes the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Read returns the value of an entry. It returns an error wrapping [ErrNoEntry] if there
// is none.
func (c *Client) Read(path string) (string, error) {
	_ = c.conn.SetDeadline(time.Now().Add(answerTimeout))
	if err := write(c.conn, cmdRead, path); err != nil {
		return "", err
	}
	f, err := read(c.conn)
	switch {
	case err != nil:
		return "", err
	case f.kind == respNoEntry:
		return "", fmt.Errorf("%w: %s", ErrNoEntry, path)
	case f.kind != respRead:
		return "", errRefused
	}
	return string(f.data), nil
}

// Values returns the values of the entries that exist and are not empty. It returns nil
// if the daemon cannot be reached.
func Values(socket string, entries ...string) (values []string) {
	c, err := Dial(socket)
	if err != nil {
		return nil
	}
	defer c.Close()
	for _, path := range entries {
		if v, err := c.Read(path); err == nil && v != "" {
			values = append(values, v)
		}
	}
	return values
}

// maxEntries is the maximum number of entries in the answer to one request.
const maxEntries = 100_000

// ReadAll returns the values of the entries whose path begins with prefix, by path.
func (c *Client) ReadAll(prefix string) (map[string]string, error) {
	_ = c.conn.SetDeadline(time.Now().Add(answerTimeout))
	if err := write(c.conn, cmdMultiRead, prefix); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for {
		f, err := read(c.conn)
		switch {
		case err != nil:
			return nil, err
		case f.kind != respMulti:
			return nil, errRefused
		case f.path == "": // the last frame
			return all, nil
		case !strings.HasPrefix(f.path, prefix) || len(all) >= maxEntries:
			return nil, errUnexpected
		}
		all[f.path] = string(f.data)
	}
}

// Watch calls changed with prefix at the start, and then with the path of each entry below
// prefix that is written or removed. It returns nil when ctx ends, and an error when the
// connection ends or changed fails. The connection cannot be used otherwise.
func (c *Client) Watch(ctx context.Context, prefix string, changed func(path string) error) error {
	defer context.AfterFunc(ctx, func() { _ = c.conn.Close() })()
	_ = c.conn.SetDeadline(time.Time{})
	if err := write(c.conn, cmdWatch, prefix); err != nil {
		return err
	}
	for {
		f, err := read(c.conn)
		if ctx.Err() != nil {
			return nil
		}
		switch {
		case err != nil:
			return err
		case f.kind == respOK:
			err = changed(prefix) // covers what was written before
		case f.kind == respWatch:
			err = changed(f.path)
		default:
			err = errRefused
		}
		if err != nil {
			return err
		}
	}
}
