package upstream

import (
	"bytes"
	"crypto/rand"
	"sync"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// cookie is what a server is shown so that its answers can be told from forged
// ones (RFC 7873). One that does not know cookies answers without.
type cookie struct {
	mu   sync.Mutex
	own  [8]byte
	full []byte // own, and what the server has added
}

func newCookie() *cookie {
	c := &cookie{}
	_, _ = rand.Read(c.own[:]) // it never fails
	c.full = c.own[:]
	return c
}

func (c *cookie) bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.full
}

// reset forgets what the server has added: it may have lost its secret.
func (c *cookie) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.full = c.own[:]
}

// check reports whether an answer has our cookie, or none from a server that has
// never had one, and keeps what the server has added to it.
func (c *cookie) check(msg []byte) bool {
	got := dnsmsg.Cookie(msg)
	if got == nil {
		return len(c.bytes()) == len(c.own) // a server that has shown its cookie shows it always
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
