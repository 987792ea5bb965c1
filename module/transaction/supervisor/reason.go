package supervisor

import (
	"bytes"
	"fmt"
	"regexp"
	"sync"
)

// fatal matches what the runtime prints when it ends a process.
var fatal = regexp.MustCompile(`(?m)^(fatal error|panic|runtime): .*`)

// reason returns why the process has ended. It must have.
func (p *process) reason() string {
	if p.hung.Load() {
		return fmt.Sprintf("one packet took it %v of CPU time, or %v", hangAfter, stuckAfter)
	}
	if line := fatal.Find(p.stderr.bytes()); line != nil {
		return string(line)
	}
	if p.exitErr != nil {
		return p.exitErr.Error()
	}
	return "exited"
}

// headSize bounds what is kept of the standard error.
const headSize = 16 << 10

// head keeps the beginning of what is written to it, where the runtime prints the
// reason. It is safe for concurrent use.
type head struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

// Write implements io.Writer.
func (h *head) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if room := headSize - h.buf.Len(); room > 0 {
		h.buf.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}

func (h *head) bytes() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes.Clone(h.buf.Bytes())
}
