package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// sample is the outcome of one run.
type sample struct {
	Wall float64 `json:"wall_s"`
	User float64 `json:"user_s"`
	Sys  float64 `json:"sys_s"`

	// RSS is the peak resident memory in bytes.
	RSS int64 `json:"rss_bytes"`

	counts
}

// runOnce runs c over in and measures it. The first
// line of the error says what happened, the others show the command and what it
// wrote last.
func runOnce(ctx context.Context, o *options, c *contender, in *input) (s sample, err error) {
	dir, err := os.MkdirTemp(o.out, "run-")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	k, err := listenSink()
	if err != nil {
		return s, fmt.Errorf("opening sink: %w", err)
	}
	defer func() { err = errors.Join(err, k.close()) }()

	j := &job{in: in, dir: dir, sink: k.addr()}
	argv, err := c.argv(j)
	if err != nil {
		return s, err
	}

	if o.cpus > 0 {
		argv = append([]string{"taskset", "-c", fmt.Sprintf("0-%d", o.cpus-1)}, argv...)
	}

	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()

	s, err = execute(ctx, argv, dir)
	if err != nil {
		tail, _ := tailOf(filepath.Join(dir, "stderr"))

		return s, fmt.Errorf("%w\n%s\n%s", err, strings.Join(argv, " "), lastLines(tail, 10))
	}

	s.counts, err = c.count(j)

	return s, err
}

// execute runs argv in dir. Standard output and error go to files and not
// through a pipe, so that the harness does not work during the run.
func execute(ctx context.Context, argv []string, dir string) (s sample, err error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

	stdout, err := os.Create(filepath.Join(dir, "stdout"))
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, stdout.Close()) }()

	stderr, err := os.Create(filepath.Join(dir, "stderr"))
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, stderr.Close()) }()

	cmd.Stdout, cmd.Stderr = stdout, stderr

	start := time.Now()
	err = cmd.Run()
	s.Wall = time.Since(start).Seconds()
	if ctx.Err() != nil {
		return s, fmt.Errorf("killed after %.0f s: %w", s.Wall, ctx.Err())
	} else if err != nil {
		return s, err
	}

	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.RSS = u.Maxrss << 10 // Linux counts in KiB
	}

	s.User = cmd.ProcessState.UserTime().Seconds()
	s.Sys = cmd.ProcessState.SystemTime().Seconds()

	return s, nil
}

// floorRSS returns the smallest peak of resident memory that the harness can
// see now: that of a process that does nothing.
func floorRSS(ctx context.Context, dir string) int64 {
	tmp, err := os.MkdirTemp(dir, "floor-")
	if err != nil {
		return 0
	}
	defer func() { _ = os.RemoveAll(tmp) }()

	s, err := execute(ctx, []string{"true"}, tmp)
	if err != nil {
		return 0
	}

	return s.RSS
}

// tailOf returns the last 16 KiB of a file. nfpcapd may write megabytes.
func tailOf(name string) (b []byte, err error) {
	const size = 16 << 10

	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()

	info, err := f.Stat()
	if err != nil {
		return nil, err
	}

	return io.ReadAll(io.NewSectionReader(f, max(0, info.Size()-size), size))
}

// lastLines returns the last n lines of b.
func lastLines(b []byte, n int) string {
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))

	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}
