//go:build linux

package dropin_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// require skips a test unless such tests were asked for: they start both beats,
// need privileges and take minutes.
func require(t *testing.T) {
	t.Helper()
	if os.Getenv("QUBESBEAT_NET") != "1" {
		t.Skip("starts both beats in network namespaces, for minutes; run as root: QUBESBEAT_NET=1 go test ./test/packetbeat/dropin\n" +
			"or as anybody: QUBESBEAT_NET=1 unshare -Urnm go test ./test/packetbeat/dropin")
	}
}

// program is one of the two beats.
type program struct{ name string }

var (
	ours   = program{"qubesbeat"}
	theirs = program{"packetbeat"}
)

// path returns the program, which must be there if it is ours. PACKETBEAT names
// theirs; else it is built, which needs a C compiler and libpcap.
func (p program) path(t *testing.T) string {
	t.Helper()
	if p == ours {
		return runner.Program(t)
	}
	if path := os.Getenv("PACKETBEAT"); path != "" {
		return path
	}
	path, err := runner.Build(t, "packetbeat", "bench", "./packetbeat", "CGO_ENABLED=1")
	if err != nil {
		t.Skipf("%v\nrun: apt-get install gcc libc6-dev libpcap-dev, or PACKETBEAT=/path/of/packetbeat go test ./test/packetbeat/dropin", err)
	}
	return path
}

// exitCode returns the exit status in an error of [exec.Cmd.Wait], -1
// after a signal.
func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}
