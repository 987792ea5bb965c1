package dom0

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// A QvmRun is a fake qvm-run. It keeps each push in files of its own. It is not safe for
// concurrent use.
type QvmRun struct {
	dir   string
	taken int
	last  Push
}

// A Push is what a script gave to one qvm-run.
type Push struct {
	// Args are the arguments.
	Args []string
	// Text is the input.
	Text []byte
	// At is the time of its end.
	At time.Time
}

// A Behaviour is what a qvm-run does besides.
type Behaviour struct {
	Noise  string     // on stdout and on stderr
	Closed bool       // it does not read, like one whose qube is halted
	Status int        // of the exit
	Runs   bool       // it runs the command of a qube, as that would
	Does   func(Push) // it ends when this has returned, in another goroutine than the test's; may be nil
}

// script is the program of a qvm-run with a behaviour. A script in dom0 runs one after the
// other, so that counting the files is enough.
func (b *Behaviour) script(dir string) string {
	take, noise, wait := "cat > new", "", ""
	if b.Closed {
		take = "exec < /dev/null; : > new"
	}
	if b.Noise != "" {
		noise = "cat noise; cat noise >&2\n"
	}
	if b.Runs {
		noise += "case \"$*\" in *--service*) ;; *) for command; do :; done; sh -c \"$command\" ;; esac\n"
	}
	if b.Does != nil { // the files go with the test
		wait = "while [ -e push-$n ] && [ ! -e done-$n ]; do sleep 0.02; done\n"
	}
	return fmt.Sprintf("#!/bin/sh\ncd '%s' || exit 9\nn=0; while [ -e push-$n ]; do n=$((n+1)); done\n"+
		"printf '%%s\\0' \"$@\" > args-$n\n%s%s\nmv new push-$n\n%sexit %d\n", dir, noise, take, wait, b.Status)
}

// NewQvmRun writes the program to the folder bin, for PATH. It keeps its files in dir.
func NewQvmRun(t testing.TB, bin, dir string, b Behaviour) *QvmRun {
	t.Helper()
	for path, text := range map[string]string{filepath.Join(bin, "qvm-run"): b.script(dir), filepath.Join(dir, "noise"): b.Noise} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if b.Does != nil {
		ctx, cancel := context.WithCancel(context.Background())
		var served sync.WaitGroup
		served.Go(func() { serve(ctx, t, &QvmRun{dir: dir}, b.Does) })
		t.Cleanup(func() { cancel(); served.Wait() })
	}
	return &QvmRun{dir: dir}
}

// serve calls does for each push until ctx ends.
func serve(ctx context.Context, t testing.TB, q *QvmRun, does func(Push)) {
	for ctx.Err() == nil {
		p, ok, err := q.take(100 * time.Millisecond)
		if ok {
			does(p)
			err = os.WriteFile(filepath.Join(q.dir, fmt.Sprintf("done-%d", q.taken-1)), nil, 0o600)
		}
		if err != nil {
			t.Errorf("qvm-run: %v", err)
			return
		}
	}
}

// Within waits for the next push.
func (q *QvmRun) Within(t testing.TB, d time.Duration) (Push, bool) {
	t.Helper()
	p, ok, err := q.take(d)
	if err != nil {
		t.Fatal(err)
	}
	return p, ok
}

// ChangeWithin is [QvmRun.Within], without the repetitions that the script makes two
// seconds and more after a push.
func (q *QvmRun) ChangeWithin(t testing.TB, d time.Duration) (Push, bool) {
	t.Helper()
	for before := q.last; ; {
		p, ok := q.Within(t, d)
		if !ok || string(p.Text) != string(before.Text) || p.At.Sub(before.At) < 1900*time.Millisecond {
			return p, ok
		}
	}
}

// Rewind makes the first push the next.
func (q *QvmRun) Rewind() { q.taken = 0 }

// take waits for the next push and reads it.
func (q *QvmRun) take(d time.Duration) (Push, bool, error) {
	file := func(name string) string { return filepath.Join(q.dir, fmt.Sprintf("%s-%d", name, q.taken)) }
	var info os.FileInfo
	made := poll.Within(d, func() bool {
		var err error
		info, err = os.Stat(file("push"))
		return err == nil
	})
	if !made {
		return Push{}, false, nil
	}
	text, err := os.ReadFile(file("push"))
	if err != nil {
		return Push{}, false, err
	}
	args, err := os.ReadFile(file("args"))
	if err != nil {
		return Push{}, false, err
	}
	q.last = Push{Args: strings.Split(strings.TrimSuffix(string(args), "\x00"), "\x00"), Text: text, At: info.ModTime()}
	q.taken++
	return q.last, true, nil
}
