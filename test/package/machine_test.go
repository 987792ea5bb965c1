//go:build linux

package packages_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// machine is a root folder whose systemd runs, or not yet.
type machine struct {
	root string
	pid  int // of its init, seen from here; 0 while it does not run
}

// newMachine copies the bare root, which is made once.
func newMachine(t *testing.T) *machine {
	t.Helper()
	if os.Getenv("QUBESBEAT_PACKAGES") != "1" {
		t.Skip("needs root, debootstrap and the packages: go tool mage testPackages")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	bare := filepath.Join(cache, "qubesbeat", "bare-root")
	if _, err := os.Stat(filepath.Join(bare, "usr/bin/systemctl")); err != nil {
		t.Logf("making %s; this takes a minute", bare)
		if err := os.MkdirAll(filepath.Dir(bare), 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := program(10*time.Minute, "debootstrap", "--variant=minbase", "--include=systemd,nftables,iproute2,iputils-ping,netbase", "bookworm", bare+".new", "http://deb.debian.org/debian").CombinedOutput(); err != nil {
			t.Skipf("no bare root can be made here: %v\n%s", err, out)
		}
		if err := os.Rename(bare+".new", bare); err != nil {
			t.Fatal(err)
		}
	}
	m := &machine{root: t.TempDir() + "/r"}
	run(t, time.Minute, "cp", "-a", bare, m.root)
	m.chroot(t, "groupadd", "-f", "qubes") // qubes-core-agent makes it
	return m
}

// run runs a program here and returns what it printed.
func run(t *testing.T, timeout time.Duration, name string, args ...string) string {
	t.Helper()
	out, err := program(timeout, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// program returns a program of this machine, which is killed when timeout is over.
func program(timeout time.Duration, name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	context.AfterFunc(ctx, cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	cmd.Env = append(os.Environ(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "SYSTEMD_COLORS=0")
	return cmd
}

// chroot runs a program of the machine that does not run yet, without a network.
func (m *machine) chroot(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, 2*time.Minute, "unshare", append([]string{"-n", "chroot", m.root}, args...)...)
}

// bootScript gives the new init what it needs: a cgroup tree and a /run of its own.
const bootScript = `
mount --bind $0 $0 && cd $0 && mount -t sysfs sys sys && mount -t cgroup2 none sys/fs/cgroup && mount -t tmpfs tmpfs run &&
container=other exec chroot . /lib/systemd/systemd --unit=multi-user.target --log-level=warning`

// boot starts the machine in namespaces of its own, without a network.
func (m *machine) boot(t *testing.T) {
	t.Helper()
	group := cgroup(t)
	cmd := exec.Command("sh", "-c", "echo $$ > "+group+"/cgroup.procs && exec unshare -C -m -p -n -u -i -f --kill-child --mount-proc="+
		m.root+"/proc sh -c '"+bootScript+"' "+m.root)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); sweep(group) })
	runs := poll.Within(time.Minute, func() bool {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
		if m.pid, _ = strconv.Atoi(strings.TrimSpace(string(children))); m.pid == 0 {
			return false
		}
		state, _ := m.try("systemctl", "is-system-running")
		return strings.Contains(state, "running") || strings.Contains(state, "degraded")
	})
	if !runs {
		t.Skipf("systemd does not run here: %s", out.String())
	}
}

// cgroup makes a group of the second version for the machine.
func cgroup(t *testing.T) string {
	t.Helper()
	for _, top := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		if _, err := os.Stat(top + "/cgroup.procs"); err == nil {
			if group, err := os.MkdirTemp(top, "qubesbeat-"); err == nil {
				return group
			}
		}
	}
	t.Skip("no cgroup tree of the second version that can be written to")
	return ""
}

// sweep removes a group with those in it, once their processes are gone.
func sweep(group string) {
	poll.Within(5*time.Second, func() bool {
		var dirs []string
		_ = filepath.WalkDir(group, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append([]string{path}, dirs...)
			}
			return nil
		})
		for _, d := range dirs {
			_ = os.Remove(d)
		}
		_, err := os.Stat(group)
		return err != nil
	})
}

// in runs a program in the machine that runs.
func (m *machine) in(t *testing.T, args ...string) string {
	t.Helper()
	out, err := m.try(args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (m *machine) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"-t", strconv.Itoa(m.pid), "-m", "-p", "-n", "-u", "-i", "-C", "-r", "-w", "env", "-i",
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_COLORS=0"}, args...)...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}
