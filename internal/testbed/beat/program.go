package beat

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// asBeat is the variable that makes a test binary the beat.
const asBeat = "QUBESBEAT_TEST_AS_BEAT"

// Main is the TestMain of a package whose tests start [Self]: it runs the tests, or the
// beat if this process is one.
func Main(m *testing.M, run func() error) {
	if os.Getenv(asBeat) == "" {
		os.Exit(m.Run())
	}
	if run() != nil {
		os.Exit(1)
	}
}

// Self returns a command that starts the test binary as the beat, under a name that the
// beat takes for its own. The package's TestMain must call [Main].
func Self(tb testing.TB, name string) Command {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	return Command{Program: exe, Name: name, Env: []string{asBeat + "=1"}}
}

// Program returns the path of the beat as users install it: QUBESBEAT_BIN, or one that
// it builds.
func Program(tb testing.TB) string {
	tb.Helper()
	if path := os.Getenv("QUBESBEAT_BIN"); path != "" {
		return path
	}
	path, err := Build(tb, "qubesbeat", ".", "./cmd/qubesbeat", "CGO_ENABLED=0")
	if err != nil {
		tb.Fatalf("%v\nQUBESBEAT_BIN=FILE names a beat to test", err)
	}
	return path
}

// Build builds the package pkg of the module in dir, both from the root of the
// repository, and returns the path of the program. The go command does nothing if the
// last build is up to date, so that a program is linked once for all packages of a run.
func Build(tb testing.TB, name, dir, pkg string, env ...string) (string, error) {
	tb.Helper()
	path := fixture.Repository(tb, "build", "test", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	lock, err := os.Create(path + ".lock")
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil { // tests of other packages build it, too
		return "", err
	}
	cmd := exec.Command("go", "build", "-C", fixture.Repository(tb, dir), "-o", path, pkg)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
	}
	return path, nil
}
