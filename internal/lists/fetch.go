package lists

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// version is what a server has told of a copy, so that it need not send the same
// again (RFC 9110 section 13).
type version struct {
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"`
}

// errFinal marks what another attempt will not change.
var errFinal = errors.New("asking again will not help")

// fetch gets a list from its server, with all attempts. nil means that it is as
// it was.
func (m *Manager) fetch(ctx context.Context, s *Source, force bool) (c *content, err error) {
	for n := range max(1, m.conf.Attempts) {
		if n > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(m.conf.Cooldown):
			}
		}
		if c, err = m.get(ctx, s, force); err == nil || errors.Is(err, errFinal) {
			return c, err
		}
	}
	return nil, err
}

func (m *Manager) get(ctx context.Context, s *Source, force bool) (*content, error) {
	ctx, cancel := context.WithTimeout(ctx, m.conf.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Location, nil)
	if err != nil {
		return nil, errors.Join(err, errFinal)
	}
	r.Header.Set("User-Agent", "Mozilla/5.0 (compatible; qubesbeat)")
	if !force {
		m.condition(r, s)
	}
	client := m.conf.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("fetching: %w", err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified:
		return nil, nil
	case resp.StatusCode >= 400 && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests:
		return nil, fmt.Errorf("the server says %q: %w", resp.Status, errFinal)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the server says %q", resp.Status)
	}
	c, err := m.take(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("fetching: %w", err)
	}
	c.note, err = json.Marshal(version{resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")})
	return c, err
}

func (m *Manager) versionFile(s *Source) string {
	return filepath.Join(m.conf.Dir, s.file()+".version")
}

// condition asks for the list only if it has changed since the copy.
func (m *Manager) condition(r *http.Request, s *Source) {
	if m.conf.Dir == "" {
		return
	}
	if _, err := os.Stat(filepath.Join(m.conf.Dir, s.file())); err != nil {
		return
	}
	var v version
	if text, err := os.ReadFile(m.versionFile(s)); err != nil || json.Unmarshal(text, &v) != nil {
		return
	}
	if v.ETag != "" {
		r.Header.Set("If-None-Match", v.ETag)
	}
	if v.Modified != "" {
		r.Header.Set("If-Modified-Since", v.Modified)
	}
}
