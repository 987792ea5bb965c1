package lists

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// version identifies a copy to the server, so that it need not send the same text
// again (RFC 9110 section 13).
type version struct {
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"`
}

// errFinal marks an error that another attempt cannot change.
var errFinal = errors.New("not retrying")

// fetch fetches a list from its server, with all attempts. It returns nil if the
// list has not changed.
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

// get makes one attempt to fetch a list.
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
	client, done := m.client(r.URL)
	defer done()
	resp, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("fetching: %w", brief{err})
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified && isConditional(r):
		return nil, nil
	case resp.StatusCode >= 400 && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests:
		return nil, fmt.Errorf("the server responded with %.80q: %w", resp.Status, errFinal)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the server responded with %.80q", resp.Status)
	}
	c, err := m.receive(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("fetching: %w", err)
	}
	c.version, err = json.Marshal(version{validator(resp.Header.Get("ETag")), validator(resp.Header.Get("Last-Modified"))})
	return c, err
}

// isConditional reports whether the server may respond that nothing has changed.
func isConditional(r *http.Request) bool {
	return r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Modified-Since") != ""
}

// brief is an error whose text may contain what a server has sent, such as the URL
// of a redirect. Its text is bounded.
type brief struct{ error }

// maxError is the length of such a text in bytes.
const maxError = 512

// Error implements error. It leaves out the middle of a long text: the cause is at
// its end.
func (e brief) Error() string {
	text := e.error.Error()
	if len(text) <= maxError {
		return text
	}
	return strings.ToValidUTF8(text[:maxError/2], "") + " ... " + strings.ToValidUTF8(text[len(text)-maxError/2:], "")
}

// Unwrap returns the error itself.
func (e brief) Unwrap() error { return e.error }

// maxValidator bounds what a server may have the beat keep and send back, in bytes.
const maxValidator = 256

// validator returns an ETag or a date if it can be sent back, "" otherwise: the list
// is fetched again then.
func validator(text string) string {
	if len(text) > maxValidator || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return text
}

// versionFile returns the path of the version of a copy.
func (m *Manager) versionFile(s *Source) string {
	return filepath.Join(m.conf.Dir, s.file()+".version")
}

// condition makes a request conditional on the list having changed since the copy,
// if there is one.
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
	if etag := validator(v.ETag); etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	if modified := validator(v.Modified); modified != "" {
		r.Header.Set("If-Modified-Since", modified)
	}
}
