package upstream

import (
	"bytes"
	"crypto/rand"
	"sync"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// cookie is the DNS cookie of one server (RFC 7873), which distinguishes its
// answers from forged ones. A server that does not support cookies answers without
// one. It is safe for concurrent use.
type cookie struct {
	mu   sync.Mutex
	own  [8]byte // client cookie; does not change
	full []byte  // guarded by mu: client cookie and, once known, server cookie; never changed in place
}

// newCookie returns a cookie with a random client part.
func newCookie() *cookie {
	c := &cookie{}
	_, _ = rand.Read(c.own[:]) // never fails
	c.full = c.own[:]
	return c
}

// bytes returns the cookie to send. It must not be changed.
func (c *cookie) bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.full
}

// reset forgets the server cookie, because the server may have lost its secret.
func (c *cookie) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.full = c.own[:]
}

// check reports whether a response has the client cookie, or has none and is from a
// server that has never sent one. It stores the server cookie.
func (c *cookie) check(msg []byte) bool {
	got := dnsmsg.Cookie(msg)
	if got == nil {
		return len(c.bytes()) == len(c.own) // a server that supports cookies always sends one
	}
	if len(got) < 8 || !bytes.Equal(got[:8], c.own[:]) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !bytes.Equal(got, c.full) {
		c.full = bytes.Clone(got)
	}
	return true
}
