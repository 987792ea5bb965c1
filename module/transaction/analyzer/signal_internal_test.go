package analyzer

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestMain_signals sends the process of the analyzers what systemd sends to all processes
// of a unit that stops: it ends when its input does, and not before. It does not run in
// parallel, so that no other test has children.
func TestMain_signals(t *testing.T) {
	s := startService(t, "{type: http, ports: [8080]}", 64<<20)
	children := childrenOf(t)
	if len(children) == 0 {
		t.Skip("this kernel does not list the children of a process")
	}
	for _, pid := range children {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2} {
			if err := syscall.Kill(pid, sig); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.playTransaction("10.137.0.6:1234")
	events, counters := s.stop()
	if len(events) != 1 || counters["failures"] != 0 || counters["packets"] != 2 {
		t.Errorf("after the signals, %d events of %d packets, %d failures; want 1, 2 and 0", len(events), counters["packets"], counters["failures"])
	}
}

// childrenOf returns the processes that this one has started (proc_pid_children(5)).
func childrenOf(t *testing.T) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, _ := os.ReadFile(name)
		for word := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
