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

// answerTime is how long the daemon, on the same machine, may take.
const answerTime = 5 * time.Second

// Dial connects to the daemon at a path.
func Dial(path string) (*Client, error) {
	conn, err := net.DialTimeout("unix", path, answerTime)
	if err != nil {
		return nil, fmt.Errorf("connecting to QubesDB: %w", err)
	}
	return &Client{conn}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Read returns the value of an entry; an error wraps [ErrNoEntry] where there is
// none.
func (c *Client) Read(path string) (string, error) {
	_ = c.conn.SetDeadline(time.Now().Add(answerTime))
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

// Values returns the values of the entries that are there and not empty, none without
// a daemon.
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

// maxEntries bounds what the daemon may send for one question.
const maxEntries = 100_000

// ReadAll returns the entries whose path begins with prefix.
func (c *Client) ReadAll(prefix string) (map[string]string, error) {
	_ = c.conn.SetDeadline(time.Now().Add(answerTime))
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
		case f.path == "": // the end
			return all, nil
		case !strings.HasPrefix(f.path, prefix) || len(all) >= maxEntries:
			return nil, errSequence
		}
		all[f.path] = string(f.data)
	}
}

// Watch calls changed with the path of each entry below prefix that is written
// or removed, until ctx ends, the connection does or changed fails. The connection is of no
// other use then.
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
			err = changed(prefix) // what was written before we listened
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
