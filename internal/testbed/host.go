//go:build linux

package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// threadNetNS is the network namespace of the calling thread.
const threadNetNS = "/proc/thread-self/ns/net"

// Host is one machine of the network: a network namespace with its own
// interfaces, routes and firewall. Its methods are safe for concurrent use.
type Host struct {
	name string
	ns   *os.File

	// gone is done when the machine has been switched off; programs that
	// still run in it are killed then.
	gone    context.Context
	turnOff context.CancelFunc
	running atomic.Int64
}

// newHost creates an empty namespace with the loopback interface up.
func newHost(name string) (*Host, error) {
	h := &Host{name: name}
	h.gone, h.turnOff = context.WithCancel(context.Background())
	create := func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("creating a network namespace: %w", err)
		}
		return nil
	}
	err := onThread(create, func() (err error) {
		h.ns, err = os.Open(threadNetNS)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err = h.boot(); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// boot configures a machine before it gets its first interface.
func (h *Host) boot() error {
	err := h.ip("link set lo up")
	if err != nil {
		return err
	}
	for _, kv := range [...][2]string{
		{"ipv4/conf/all/rp_filter", "0"}, // in Qubes, nft does the antispoofing
		{"ipv4/conf/default/rp_filter", "0"},
		{"ipv6/conf/default/accept_dad", "0"}, // no probes, no wait before an address works
		{"ipv6/conf/default/dad_transmits", "0"},
		{"ipv6/conf/default/accept_ra", "0"},
		{"ipv6/conf/default/router_solicitations", "0"},
		{"ipv6/conf/default/addr_gen_mode", "1"}, // no link-local address
		// Both reports of a new group within milliseconds, then silence.
		{"ipv6/conf/default/mldv2_unsolicited_report_interval", "1"},
		{"ipv6/conf/default/disable_ipv6", "1"}, // until the interface gets an address
	} {
		if err = h.Sysctl(kv[0], kv[1]); err != nil {
			return err
		}
	}
	return nil
}

// close kills the processes in the machine and lets the kernel remove it.
func (h *Host) close() {
	h.turnOff()
	// Killed programs need a moment; their namespace lives as long as they do.
	for i := 0; h.running.Load() > 0 && i < 200; i++ {
		time.Sleep(10 * time.Millisecond)
	}
	if h.ns != nil {
		_ = h.ns.Close()
	}
}

// String returns the name of the machine.
func (h *Host) String() string { return h.name }

// Path returns a path of the namespace that other processes of the same user
// can open while this process lives, for nsenter and for `ip link set netns`.
func (h *Host) Path() string {
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.ns.Fd())
}

// Do calls f on a thread that is in the machine's network namespace and
// returns its error. Sockets that f itself opens, by address and not by name,
// stay in the namespace and may be used anywhere after. Goroutines that f
// starts are outside.
func (h *Host) Do(f func() error) error {
	enter := func() error {
		if err := unix.Setns(int(h.ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering %s: %w", h.name, err)
		}
		return nil
	}
	return onThread(enter, f)
}

// Start starts cmd inside the machine. The caller waits for it.
func (h *Host) Start(cmd *exec.Cmd) error {
	return h.Do(cmd.Start)
}

// Run runs a program inside the machine and returns what it printed. A
// non-zero exit is an error wrapping [exec.ExitError] that quotes stderr. The
// program is killed when ctx is done or the machine is removed.
func (h *Host) Run(ctx context.Context, name string, args ...string) (stdout, stderr string, err error) {
	return h.run(ctx, "", name, args...)
}

func (h *Host) run(ctx context.Context, stdin, name string, args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.gone, cancel)()

	var out, diag bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &diag
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	// A grandchild that keeps the pipes open must not block the test.
	cmd.WaitDelay = time.Second
	h.running.Add(1)
	defer h.running.Add(-1)
	if err = h.Start(cmd); err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		err = fmt.Errorf("running %s in %s: %w: %s", name, h.name, err, strings.TrimSpace(diag.String()))
	}
	return out.String(), diag.String(), err
}

// Sysctl writes a value below /proc/sys/net for this machine; key is the path,
// such as "ipv4/ip_forward".
func (h *Host) Sysctl(key, value string) error {
	return h.Do(func() error {
		// /proc/sys/net shows the namespace of the thread that opens it.
		err := os.WriteFile(filepath.Join("/proc/sys/net", key), []byte(value), 0)
		if errors.Is(err, os.ErrNotExist) && strings.HasPrefix(key, "ipv6/") {
			return nil // a kernel without IPv6
		}
		return err
	})
}

// ip runs lines as one batch of iproute2 commands. Its errors name the line.
func (h *Host) ip(lines ...string) error {
	batch := strings.Join(lines, "\n") + "\n"
	_, _, err := h.run(context.Background(), batch, "ip", "-batch", "-")
	if err != nil {
		return fmt.Errorf("%w in:\n%s", err, batch)
	}
	return nil
}

// onThread locks a thread, moves it to another network namespace with enter,
// calls f there and brings the thread back.
func onThread(enter, f func() error) (err error) {
	runtime.LockOSThread()
	home, err := os.Open(threadNetNS)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("opening the thread's network namespace: %w", err)
	}
	defer func() { _ = home.Close() }()
	if err = enter(); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
			// The thread stays locked; the runtime ends it with the goroutine.
			err = errors.Join(err, fmt.Errorf("leaving a network namespace: %w", back))
			return
		}
		runtime.UnlockOSThread()
	}()
	return f()
}
