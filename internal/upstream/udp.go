package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// datagram queries over UDP, and over TCP if the answer is truncated. A server that
// does not understand EDNS is queried once more without it.
type datagram struct {
	guard  *guard.Part // may be nil
	places *places
	stream *streams
	cookie *cookie // of a server that is given by address: each address has its own
}

// ask implements asker.
func (d *datagram) ask(ctx context.Context, q *Query) (*dnsmsg.Reply, error) {
	a, err := try(ctx, d.places, func(ctx context.Context, endpoint string) (verdict, error) { return d.at(ctx, endpoint, q) }, nil)
	if err == nil {
		err = a.err
	}
	p := a.reply
	if errors.Is(err, errCut) {
		return d.stream.ask(ctx, q)
	}
	if errors.Is(err, ErrTimeout) && !errors.Is(ctx.Err(), context.Canceled) { // canceled: another server was faster
		d.cookie.reset()
	}
	if p != nil {
		p.AD = false // anyone on the path could have set it (RFC 6840 section 5.8)
	}
	return p, err
}

// verdict is what a server has said: an answer, or that there is none over UDP.
type verdict struct {
	reply *dnsmsg.Reply
	err   error
}

// at queries one address of the server. Its error means that another address may know
// better.
func (d *datagram) at(ctx context.Context, endpoint string, q *Query) (verdict, error) {
	p, err := d.once(ctx, endpoint, q, true)
	if formErr(err) {
		p, err = d.once(ctx, endpoint, q, false)
	}
	var code *RCodeError
	if errors.As(err, &code) || errors.Is(err, errCut) {
		return verdict{err: err}, nil
	}
	return verdict{reply: p}, err
}

// close implements asker.
func (d *datagram) close() { d.stream.close() }

// once sends one datagram from a new socket and waits for the answer. The kernel
// picks a random port, and a connected socket receives only packets and ICMP
// errors of this server (RFC 5452 section 9.2).
func (d *datagram) once(ctx context.Context, endpoint string, q *Query, edns bool) (*dnsmsg.Reply, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp", endpoint)
	if err != nil {
		return nil, fmt.Errorf("opening socket: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		if stop() {
			_ = conn.Close()
		}
	}()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	var cookie []byte
	if edns && d.places.host == "" {
		cookie = d.cookie.bytes()
	}
	sent := q.pack(newID(), edns, cookie, 0)
	if _, err := conn.Write(sent); err != nil {
		return nil, fmt.Errorf("sending query: %w", err)
	}
	buf := make([]byte, 2048)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, readError(ctx, err)
		}
		var p *dnsmsg.Reply
		err = guarded(d.guard, buf[:n], func() (err error) {
			p, err = d.read(q, buf[:n], sent, cookie)
			return err
		})
		if p != nil || err != nil {
			return p, err
		}
	}
}

// read reads a message that may answer a query. It returns neither an answer nor an
// error if the message does not.
func (d *datagram) read(q *Query, msg, sent, cookie []byte) (*dnsmsg.Reply, error) {
	if dnsmsg.Matches(msg, sent) && (cookie == nil || d.cookie.check(msg)) {
		return q.read(msg)
	}
	if dnsmsg.Bare(msg, sent) && len(cookie) <= len(d.cookie.own) {
		return nil, &RCodeError{dnsmsg.RCode(msg[3] & 15)}
	}
	return nil, nil
}

// readError returns ErrTimeout if reading failed because the time was up, else err
// with context.
func readError(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrTimeout
	}
	return fmt.Errorf("reading answer: %w", err)
}
