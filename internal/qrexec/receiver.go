package qrexec

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/guard"
)

const (
	// adminVM is the only permitted caller. The name in the descriptor comes from dom0, so that another qube cannot
	// forge it (qubes-core-qrexec, doc/qrexec-socket-services.rst).
	adminVM = "dom0"

	// maxDescriptor exceeds the length of any descriptor in bytes: a service name, an argument of up to 64, two names
	// of up to 31.
	maxDescriptor = 512

	// callTimeout bounds a call, which holds up all others.
	callTimeout = 10 * time.Second

	// callPause is the time between two calls: 20 are served in a second at most.
	callPause = 50 * time.Millisecond

	// acceptPause is the time before the next attempt if accepting calls fails, as for lack of file descriptors.
	acceptPause = time.Second
)

// Config holds the settings of a [Receiver].
type Config struct {
	// Service is the name by which dom0 calls.
	Service string

	// Guard recovers from panics at one call. It may be nil.
	Guard *guard.Part
	// Socket is the path of the Unix socket. A file that has that name is replaced.
	Socket string

	// Group, if it is set and exists, may use the socket. Without one, only root, as which qrexec-agent connects if
	// the service's rpc-config says force-user='root', and the user of the beat may.
	Group string

	// MaxSize is how many bytes follow the descriptor at most. Take gets one byte more of a call that is longer.
	MaxSize int64

	// Take takes what follows the descriptor; its error refuses the call. It must not be nil, and must not keep data.
	Take func(ctx context.Context, data []byte) error

	// OnTaken, if not nil, is called after Take has taken a call, and OnError, if not nil, with the reason if a call was
	// refused. All three are called by Run, never at the same time.
	OnTaken func()
	OnError func(error)
}

// A Receiver is a qrexec socket service that dom0 calls. It never sends a reply.
type Receiver struct {
	cfg      Config
	listener net.Listener

	taken, refused atomic.Uint64
}

// Listen opens the socket. Run closes it.
func Listen(cfg Config) (*Receiver, error) {
	if cfg.OnTaken == nil {
		cfg.OnTaken = func() {}
	}
	if cfg.OnError == nil {
		cfg.OnError = func(error) {}
	}
	if err := os.Remove(cfg.Socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("opening the socket of %s: %w", cfg.Service, err)
	}
	l, err := net.Listen("unix", cfg.Socket)
	if err != nil {
		return nil, fmt.Errorf("opening the socket of %s: %w", cfg.Service, err)
	}
	if err := share(cfg.Socket, cfg.Group); err != nil { // before the first Accept
		return nil, errors.Join(err, l.Close())
	}
	return &Receiver{cfg: cfg, listener: l}, nil
}

// share lets a group use the socket, if it exists.
func share(socket, group string) error {
	if group == "" {
		return os.Chmod(socket, 0o600)
	}
	if g, err := user.LookupGroup(group); err == nil {
		gid, err := strconv.Atoi(g.Gid)
		if err == nil {
			err = os.Chown(socket, -1, gid)
		}
		if err != nil {
			return fmt.Errorf("giving %s to the group %s of qrexec-agent: %w", socket, group, err)
		}
	}
	return os.Chmod(socket, 0o660)
}

// Taken returns the number of calls that were taken. It is safe for concurrent use.
func (r *Receiver) Taken() uint64 { return r.taken.Load() }

// Refused returns the number of calls that were refused. It is safe for concurrent use.
func (r *Receiver) Refused() uint64 { return r.refused.Load() }

// Run serves calls, one at a time, until ctx ends, and then returns nil.
func (r *Receiver) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { _ = r.listener.Close() })()
	for {
		pause := callPause
		conn, err := r.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			pause = acceptPause
			r.cfg.OnError(fmt.Errorf("%s: accepting a call: %w", r.cfg.Service, err))
		default:
			r.admit(ctx, conn)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// admit serves a call of somebody who may call.
func (r *Receiver) admit(ctx context.Context, conn net.Conn) {
	if uid, err := peer(conn); r.cfg.Group == "" && (err != nil || uid != 0 && uid != os.Getuid()) {
		_ = conn.Close()
		r.refused.Add(1)
		r.cfg.OnError(fmt.Errorf("%s: a call of the user with the id %d was refused: only root may call, as qrexec-agent does with force-user='root' in rpc-config (%w)",
			r.cfg.Service, uid, cmp.Or(err, ErrCaller)))
		return
	}
	r.serve(ctx, conn)
}

// serve serves one call. It returns early if ctx ends.
func (r *Receiver) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()

	_ = conn.SetDeadline(time.Now().Add(callTimeout))
	var err error
	var input []byte // what receive is working on
	if panicked := r.cfg.Guard.Do(func() []byte { return input }, func() { err = r.receive(ctx, conn, &input) }); panicked != nil {
		err = panicked
	}
	if err != nil {
		r.refused.Add(1)
		r.cfg.OnError(fmt.Errorf("%s: %w", r.cfg.Service, err))
		return
	}
	r.taken.Add(1)
	r.cfg.OnTaken()
}

// receive takes what follows the descriptor.
func (r *Receiver) receive(ctx context.Context, conn net.Conn, input *[]byte) error {
	in := bufio.NewReaderSize(conn, maxDescriptor)
	head, err := in.ReadSlice(0)
	if err != nil {
		return fmt.Errorf("the call has no descriptor: %w", err)
	}
	*input = head
	if err := r.checkDescriptor(string(head[:len(head)-1])); err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(in, r.cfg.MaxSize+1))
	if err != nil {
		return fmt.Errorf("receiving a call: %w", err)
	}
	*input = data
	r.cfg.Guard.Probe(data)
	return r.cfg.Take(ctx, data)
}

// checkDescriptor checks a descriptor such as "qubesbeat.Inventory+ dom0", which may continue with the name of the qube
// that the caller asked for.
func (r *Receiver) checkDescriptor(descriptor string) error {
	words := strings.Fields(descriptor)
	if len(words) < 2 || strings.SplitN(words[0], "+", 2)[0] != r.cfg.Service {
		return fmt.Errorf("%.80q is not the descriptor of this service", descriptor)
	}
	return CheckCaller(words[1])
}

// CheckCaller returns an error unless caller, a name as qrexec passes it, is dom0.
func CheckCaller(caller string) error {
	if caller != adminVM {
		return fmt.Errorf("a call from %.40q is refused: only %s may call", caller, adminVM)
	}
	return nil
}
