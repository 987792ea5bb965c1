package inventory

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Service is the name of the qrexec service that dom0 calls.
const Service = "qubesbeat.Inventory"

const (
	// adminVM is who may call. The name in the descriptor comes from dom0 and cannot be forged by another qube
	// (qubes-core-qrexec, doc/qrexec-socket-services.rst).
	adminVM = "dom0"

	// maxDescriptor is longer than any descriptor: a service name, an argument of 64 bytes, two names of 31.
	maxDescriptor = 512

	// receiveTime is how long a call may take, and receivePause how long after it the next one is served: one
	// caller at a time, and 20 a second at most.
	receiveTime  = 10 * time.Second
	receivePause = 50 * time.Millisecond
)

// A Receiver is the qrexec socket service by which dom0 pushes inventories. It answers nothing.
type Receiver struct {
	path     string
	opts     Options
	listener net.Listener
	onStored func()
	onError  func(error)

	stored, refused atomic.Uint64
}

// Listen opens the socket, which the group may use, if there is such a group: qrexec-agent has the group qubes. What
// is received replaces the file at path; onStored is called after that, and onError with what is wrong with a call.
func Listen(socket, group, path string, opts Options, onStored func(), onError func(error)) (*Receiver, error) {
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("opening the socket of %s: %w", Service, err)
	}

	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("opening the socket of %s: %w", Service, err)
	}

	r := &Receiver{path: path, opts: opts.withDefaults(), listener: l, onStored: onStored, onError: onError}
	if err := share(socket, group); err != nil {
		return nil, errors.Join(err, l.Close())
	}

	return r, nil
}

// share lets a group use the socket.
func share(socket, group string) error {
	if g, err := user.LookupGroup(group); err == nil {
		gid, err := strconv.Atoi(g.Gid)
		if err == nil {
			err = os.Chown(socket, -1, gid)
		}

		if err != nil {
			return fmt.Errorf("giving %s to the group %s, which qrexec-agent has: %w", socket, group, err)
		}
	}

	return os.Chmod(socket, 0o660)
}

// Stored returns the number of calls whose inventory was accepted. It is safe for
// concurrent use.
func (r *Receiver) Stored() uint64 { return r.stored.Load() }

// Refused returns the number of calls that were rejected. It is safe for concurrent
// use.
func (r *Receiver) Refused() uint64 { return r.refused.Load() }

// Run serves calls until ctx ends.
func (r *Receiver) Run(ctx context.Context) {
	defer context.AfterFunc(ctx, func() { _ = r.listener.Close() })()

	for {
		conn, err := r.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}

		if err == nil {
			r.serve(conn)
		}

		select {
		case <-ctx.Done():
		case <-time.After(receivePause):
		}
	}
}

// serve takes one call.
func (r *Receiver) serve(conn net.Conn) {
	defer conn.Close()

	_ = conn.SetDeadline(time.Now().Add(receiveTime))
	if err := r.take(conn); err != nil {
		r.refused.Add(1)
		r.onError(fmt.Errorf("%s: %w", Service, err))

		return
	}

	r.stored.Add(1)
	r.onStored()
}

func (r *Receiver) take(conn net.Conn) error {
	in := bufio.NewReaderSize(conn, maxDescriptor)

	head, err := in.ReadSlice(0)
	if err != nil {
		return fmt.Errorf("the call has no descriptor: %w", err)
	}

	if err := checkDescriptor(string(head[:len(head)-1])); err != nil {
		return err
	}

	return Store(r.path, in, r.opts)
}

// checkDescriptor reads a descriptor: "qubesbeat.Inventory+ dom0", and behind it whom the caller has meant.
func checkDescriptor(descriptor string) error {
	words := strings.Fields(descriptor)
	if len(words) < 2 || strings.SplitN(words[0], "+", 2)[0] != Service {
		return fmt.Errorf("%.80q is not the descriptor of this service", descriptor)
	}

	return CheckCaller(words[1])
}

// CheckCaller returns an error unless caller, which must be as qrexec gives it, is dom0.
func CheckCaller(caller string) error {
	if caller != adminVM {
		return fmt.Errorf("a call from %.40q is refused: only %s may say who is who", caller, adminVM)
	}

	return nil
}
