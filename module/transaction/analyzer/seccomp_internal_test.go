package analyzer

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestAttack19_confined takes files, sockets and programs away from a process. The test
// runs in a process of its own, because there is no way back.
func TestAttack19_confined(t *testing.T) {
	if os.Getenv("QUBESBEAT_TEST_CONFINED") == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAttack19_confined$", "-test.v")
		cmd.Env = append(os.Environ(), "QUBESBEAT_TEST_CONFINED=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err := confine(); err != nil {
		t.Skipf("the kernel has no seccomp here: %v", err)
	}
	if _, err := os.Open("/etc/hostname"); !errors.Is(err, syscall.EPERM) {
		t.Errorf("opening a file: %v", err)
	}
	if _, err := net.Dial("udp", "127.0.0.1:53"); !errors.Is(err, syscall.EPERM) {
		t.Errorf("opening a socket: %v", err)
	}
	if err := exec.Command("/bin/true").Run(); err == nil {
		t.Error("a program runs")
	}
	done := make(chan int) // threads start still
	for range 50 {
		go func() { done <- len(make([]byte, 1<<20)) }()
	}
	for range 50 {
		<-done
	}
}
