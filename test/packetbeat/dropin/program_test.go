//go:build linux

package dropin_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// programs is the folder that the programs are built in, set by TestMain.
var programs string

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "qubesbeat-dropin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	programs = dir
	return m.Run()
}

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
type program struct {
	name  string
	build func() (path string, err error)
}

var (
	ours = program{"qubesbeat", sync.OnceValues(func() (string, error) {
		return provide("QUBESBEAT_BIN", "qubesbeat", "CGO_ENABLED=0", "-C", "../../..", "./cmd/qubesbeat")
	})}
	theirs = program{"packetbeat", sync.OnceValues(func() (string, error) {
		return provide("PACKETBEAT", "packetbeat", "CGO_ENABLED=1", "-C", "../../../bench", "./packetbeat")
	})}
)

// provide returns the program that the environment names, or builds it.
func provide(variable, name, cgo, flag, dir, pkg string) (string, error) {
	if path := os.Getenv(variable); path != "" {
		_, err := os.Stat(path)
		return path, err
	}
	path := filepath.Join(programs, name)
	cmd := exec.Command("go", "build", flag, dir, "-o", path, pkg)
	cmd.Env = append(os.Environ(), cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w: %s", name, err, out)
	}
	return path, nil
}

// path returns the program, which must be there if it is ours.
func (p program) path(t *testing.T) string {
	t.Helper()
	path, err := p.build()
	if err != nil {
		if p.name == ours.name {
			t.Fatalf("%v\nrun: QUBESBEAT_BIN=/path/of/qubesbeat go test ./test/packetbeat/dropin", err)
		}
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
