package dom0_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// printed runs the script with --print and returns what it wrote.
func (r *rig) printed(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := r.command(t, append([]string{"--print"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	finish(t, cmd)
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// finish runs a command that must end by itself.
func finish(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	clock := time.AfterFunc(waitTimeout, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait()
	if !clock.Stop() {
		t.Errorf("%q did not end", cmd.Args)
	}
}

// isQuiet checks that neither qvm-run was started nor events were asked for.
func (r *rig) isQuiet(t testing.TB) {
	t.Helper()
	if p, ok := r.run.Within(t, 0); ok {
		t.Errorf("qvm-run was started: %q", p.Args)
	}
	if n, faults := r.qubesd.Count("admin.Events"); n > 0 || len(faults) > 0 {
		t.Errorf("%d calls of admin.Events, faults %q; want none", n, faults)
	}
}

func TestPrint(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		r := newRig(t, release, dom0.Behaviour{})
		stdout, stderr, code := r.printed(t)
		if code != 0 || stderr != "" {
			t.Errorf("exit status %d, stderr %s; want 0 and nothing", code, stderr)
		}
		r.isTold(t, dom0.Push{Text: []byte(stdout)})
		r.isQuiet(t)
		if _, p := r.begin(t); string(p.Text) != stdout {
			t.Errorf("the first push = %s; want what --print prints, %s", p.Text, stdout)
		}
	})
}

// TestPrint_noQubesd checks that there is a readable error if qubesd is not running.
func TestPrint_noQubesd(t *testing.T) {
	t.Parallel()
	r := newRig(t, "r4.3", dom0.Behaviour{})
	r.qubesd.Stop()
	stdout, stderr, code := r.printed(t)
	if code == 0 || stdout != "" || !strings.Contains(stderr, "qubesd") || strings.Contains(stderr, "Traceback") {
		t.Errorf("exit status %d, stdout %q, stderr:\n%s\nwant a message in words", code, stdout, stderr)
	}
}
