package dom0_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// A qvmRun is a fake qvm-run. It keeps each push in files of its own.
type qvmRun struct {
	dir   string
	taken int
	last  push
}

// A push is what the script gave to one qvm-run.
type push struct {
	args []string
	text []byte
	at   time.Time
}

// A behaviour is what a qvm-run does besides.
type behaviour struct {
	noise  string // on stdout and on stderr
	closed bool   // it does not read, like one whose qube is halted
	status int
	runs   bool // it runs the command of a qube, as that would
}

// newQvmRun writes the program to a folder for PATH.
func newQvmRun(t testing.TB, bin, dir string, b behaviour) *qvmRun {
	t.Helper()
	take := "cat > new"
	if b.closed {
		take = "exec < /dev/null; : > new"
	}
	noise := ""
	if b.noise != "" {
		noise = "cat noise; cat noise >&2\n"
	}
	if b.runs {
		noise += "case \"$*\" in *--service*) ;; *) for command; do :; done; sh -c \"$command\" ;; esac\n"
	}
	// The script runs one after the other, so that counting the files is enough.
	script := fmt.Sprintf("#!/bin/sh\ncd '%s' || exit 9\nn=0; while [ -e push-$n ]; do n=$((n+1)); done\n"+
		"printf '%%s\\n' \"$#\" \"$@\" > args-$n\n%s%s\nmv new push-$n\nexit %d\n", dir, noise, take, b.status)
	for path, text := range map[string]string{filepath.Join(bin, "qvm-run"): script, filepath.Join(dir, "noise"): b.noise} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return &qvmRun{dir: dir}
}

// within waits for the next push.
func (q *qvmRun) within(t testing.TB, d time.Duration) (push, bool) {
	t.Helper()
	path := filepath.Join(q.dir, fmt.Sprintf("push-%d", q.taken))
	var info os.FileInfo
	made := poll.Within(d, func() bool {
		var err error
		info, err = os.Stat(path)
		return err == nil
	})
	if !made {
		return push{}, false
	}
	q.last = push{args: q.args(t), text: read(t, path), at: info.ModTime()}
	q.taken++
	return q.last, true
}

// changeWithin is within, without the repetitions that the script makes two
// seconds and more after a push.
func (q *qvmRun) changeWithin(t testing.TB, d time.Duration) (push, bool) {
	t.Helper()
	for before := q.last; ; {
		p, ok := q.within(t, d)
		if !ok || string(p.text) != string(before.text) || p.at.Sub(before.at) < 1900*time.Millisecond {
			return p, ok
		}
	}
}

// args returns the arguments of the next push.
func (q *qvmRun) args(t testing.TB) []string {
	t.Helper()
	text := read(t, filepath.Join(q.dir, fmt.Sprintf("args-%d", q.taken)))
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")[1:]
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
