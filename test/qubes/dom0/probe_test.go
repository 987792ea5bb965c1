package dom0_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// probe runs qubesbeat-probe with a qvm-run that notes its arguments, and returns what it
// printed and what was run.
func probe(t *testing.T, args ...string) (printed, ran string, code int) {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\nprintf '%s\\n' \"$@\" >> '" + dir + "/ran'; echo noise; echo noise >&2; exit 3\n"
	if err := os.WriteFile(filepath.Join(dir, "qvm-run"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", append([]string{filepath.Join("..", "..", "..", "packaging", "dom0", "qubesbeat-probe")}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	var out strings.Builder
	cmd.Stdout = &out
	finish(t, cmd)
	text, _ := os.ReadFile(filepath.Join(dir, "ran"))
	return out.String(), string(text), cmd.ProcessState.ExitCode()
}

// TestProbe prints what it would run, runs it with --yes only, and reads nothing back.
func TestProbe(t *testing.T) {
	t.Parallel()
	printed, ran, code := probe(t, "up", "sys-vpn", "banking")
	if code != 0 || ran != "" || strings.Count(printed, "qvm-run") != 2 {
		t.Errorf("exit status %d, printed %q, ran %q; want nothing run", code, printed, ran)
	}
	printed, ran, code = probe(t, "down", "sys-vpn", "banking", "--yes")
	nonce := regexp.MustCompile(`announce down sys-vpn banking ([0-9a-f]{16})\n`).FindStringSubmatch(ran)
	if code != 0 || nonce == nil || strings.Contains(printed, "noise") {
		t.Fatalf("exit status %d, printed %q, ran %q", code, printed, ran)
	}
	var bytes [8]byte
	for i := range bytes {
		for _, digit := range nonce[1][2*i : 2*i+2] {
			bytes[i] = bytes[i]<<4 | byte(strings.IndexRune("0123456789abcdef", digit))
		}
	}
	if want := judge.CanaryCommand(bytes, 2); !strings.Contains(ran, "banking\n"+want+"\n") {
		t.Errorf("the client runs\n%s\nwant\n%s", ran, want)
	}
	if strings.Count(ran, "--no-autostart\n") != 2 {
		t.Errorf("a qube may be started: %s", ran)
	}
}

// TestProbe_hostile refuses what is no name, before anything is run.
func TestProbe_hostile(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"up", "sys-vpn", "banking; reboot"}, {"up", "$(reboot)", "banking"}, {"sideways", "sys-vpn", "banking"}, {"up", "sys-vpn", "banking", "--qube", "a b"}} {
		if _, ran, code := probe(t, append(args, "--yes")...); code == 0 || ran != "" {
			t.Errorf("%q: exit status %d, ran %q", args, code, ran)
		}
	}
}
