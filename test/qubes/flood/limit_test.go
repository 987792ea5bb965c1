//go:build linux

package flood_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// memoryLimit is what sys-log has for the beat, in bytes.
const memoryLimit = 400 << 20

// limited returns a start function that puts the process into a memory control group
// first. Without the right to make one, it starts the process as it is and says so.
func limited(t *testing.T, start func(*exec.Cmd) error) func(*exec.Cmd) error {
	t.Helper()
	group, err := newGroup()
	if err != nil {
		t.Logf("memory is not limited: %v; run as root to have that, too", err)
		return start
	}
	t.Cleanup(func() { _ = os.Remove(group) })
	return func(cmd *exec.Cmd) error {
		script := fmt.Sprintf(`echo $$ > %s/cgroup.procs && exec "$0" "$@"`, group)
		cmd.Args = append([]string{"sh", "-c", script, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = "/bin/sh"
		return start(cmd)
	}
}

// newGroup makes a control group, of version 1 or 2.
func newGroup() (string, error) {
	root, limit := "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		root, limit = "/sys/fs/cgroup", "memory.max"
	}
	group := filepath.Join(root, "qubesbeat-test-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(group, limit), []byte(strconv.Itoa(memoryLimit)), 0); err != nil {
		_ = os.Remove(group)
		return "", err
	}
	return group, nil
}
