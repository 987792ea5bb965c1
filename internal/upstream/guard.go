package upstream

import (
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// guarded calls f, which handles a message of a server. A panic is an error like
// others: the server has not answered.
func guarded(part *guard.Part, msg []byte, f func() error) (err error) {
	if panicked := part.Do(func() []byte { return msg }, func() { err = f() }); panicked != nil {
		return panicked
	}
	return err
}

// readGuarded is read, with a panic as an error.
func (q *Query) readGuarded(part *guard.Part, msg []byte) (p *dnsmsg.Reply, err error) {
	err = guarded(part, msg, func() (err error) {
		p, err = q.read(msg)
		return err
	})
	return p, err
}
