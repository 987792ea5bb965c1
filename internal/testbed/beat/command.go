package beat

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A Command is a beat that can be started, any number of times.
type Command struct {
	// Program is the file that is run, and Name its argv[0]. Name may be empty.
	Program, Name string

	// Home is path.home of the beat and its working folder. Its path should be short,
	// since sockets are in it: see [NewHome].
	Home string

	// Args are all arguments; see [Flags].
	Args []string

	// Env is added to the environment of this process.
	Env []string

	// Stdin is what the beat reads from its standard input.
	Stdin string

	// Start starts the process, on another host for example. Nil stands for
	// (*exec.Cmd).Start.
	Start func(*exec.Cmd) error
}

// NewHome returns a folder for a beat, which is removed after the test. Unlike that of
// [testing.TB.TempDir], its path is short and has no comma, at which libbeat would split
// --path.home.
func NewHome(tb testing.TB) string {
	tb.Helper()
	home, err := os.MkdirTemp("", "qb-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(home) })
	return home
}

// Write writes a file into a beat's folder, with home for the word HOME in text, and
// returns its path.
func Write(tb testing.TB, home, name, text string) string {
	tb.Helper()
	path := filepath.Join(home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "HOME", home)), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// Flags returns arguments with which a beat reads the file config and nothing outside
// of home.
func Flags(home, config string, more ...string) []string {
	return append([]string{"-c", config, "--path.home", home, "--strict.perms=false"}, more...)
}

// cmd returns the process to start.
func (c Command) cmd(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Program, c.Args...)
	if c.Name != "" {
		cmd.Args[0] = c.Name
	}
	cmd.Dir = c.Home
	cmd.Env = append(os.Environ(), c.Env...)
	if c.Stdin != "" {
		cmd.Stdin = strings.NewReader(c.Stdin)
	}
	cmd.WaitDelay = time.Second
	return cmd
}

// Result is what a beat that has ended leaves behind.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Run starts the beat and waits for its end, which must come within most.
func (c Command) Run(tb testing.TB, most time.Duration) Result {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), most)
	defer cancel()
	cmd := c.cmd(ctx)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if ctx.Err() != nil || err != nil && !errors.As(err, &exit) {
		tb.Fatalf("%s: %v, %v\n%s", cmd.Args, err, ctx.Err(), stderr.String())
	}
	return Result{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
}
