package testbed

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// InNamespace runs the calling test again, alone, in a process with a new, empty network
// namespace, and reports whether it is called in that process: what has goroutines of its own
// needs the whole process in there, not one thread. A skip in there skips the test.
func InNamespace(t *testing.T) bool {
	t.Helper()
	const child = "QUBESBEAT_TEST_NAMESPACE"
	Require(t, "ip")
	if os.Getenv(child) != "" {
		silence(t)
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), child+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	out, err := cmd.CombinedOutput()
	switch {
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("in a namespace:\n%s", out)
	case err != nil || !strings.Contains(string(out), "PASS"):
		t.Errorf("in a namespace: %v\n%s", err, out)
	default:
		t.Logf("in a namespace:\n%s", out)
	}
	return false
}

// silence has new interfaces send nothing by themselves.
func silence(t *testing.T) {
	for _, family := range []string{"default", "all"} {
		path := filepath.Join("/proc/sys/net/ipv6/conf", family, "disable_ipv6")
		if err := os.WriteFile(path, []byte("1"), 0); err != nil {
			t.Logf("IPv6 stays on: %v", err)
		}
	}
}
