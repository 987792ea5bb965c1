package dom0_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// script is the path of what is tested, unless it is one of scripts.
func script() string { return scripts()[0] }

// scripts are the paths of all that runs in dom0.
func scripts() []string {
	dir := filepath.Join("..", "..", "..", "packaging", "dom0")
	return []string{filepath.Join(dir, "qubesbeat-inventory"), filepath.Join(dir, "qubesbeat-probe")}
}

// interpreter finds python itself: what is on PATH may be a wrapper, which takes its time.
var interpreter = sync.OnceValues(func() (string, error) {
	out, err := output("python3", "-c", "import sys; print(sys.executable)")
	return strings.TrimSpace(out), err
})

// output runs a command, but not for ever.
func output(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), waitTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	return string(out), err
}

func python(t testing.TB) string {
	t.Helper()
	path, err := interpreter()
	if err != nil {
		t.Skipf("python3 does not run, which the script is written for: %v", err)
	}
	return path
}

// releases are those of which there are answers. A table whose cases do not depend on the
// release takes them in turn.
var releases = [...]string{"r4.2", "r4.3"}

// eachRelease runs a test for both releases, at the same time.
func eachRelease(t *testing.T, test func(t *testing.T, release string)) {
	t.Parallel()
	for _, release := range releases {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			test(t, release)
		})
	}
}

// A rig is the script with the qubesd and the qvm-run that it meets.
type rig struct {
	world  *dom0.World
	qubesd *dom0.Qubesd
	run    *dom0.QvmRun
	dir    string
	ended  chan struct{}
}

// newRig makes a rig in which the script is not started yet.
func newRig(t testing.TB, release string, b dom0.Behaviour) *rig {
	t.Helper()
	python(t)
	dir, err := os.MkdirTemp("", "qb-") // short: the path of a socket is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, name := range []string{"bin", "run"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	r := &rig{world: dom0.NewWorld(t, release), dir: dir}
	r.run = dom0.NewQvmRun(t, filepath.Join(dir, "bin"), filepath.Join(dir, "run"), b)
	r.qubesd = dom0.NewQubesd(filepath.Join(dir, "s"), r.world)
	r.qubesd.Start(t)
	t.Cleanup(r.qubesd.Stop)
	return r
}

// command is the script with arguments.
func (r *rig) command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	return r.commandOf(t, script(), args...)
}

// commandOf is a script with arguments. Python does not look for modules outside its
// own library, since dom0 has no others.
func (r *rig) commandOf(t testing.TB, script string, args ...string) *exec.Cmd {
	t.Helper()
	if _, err := os.Stat(script); err != nil { // by which go test knows not to repeat an old result
		t.Fatal(err)
	}
	cmd := exec.Command(python(t), append([]string{"-I", "-S", script, "--socket", r.qubesd.Path}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(r.dir, "bin")+":"+os.Getenv("PATH"))
	return cmd
}

// salt writes a file with a secret.
func (r *rig) salt(t testing.TB, name, secret string) string {
	t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// waitTimeout is how long a test waits for what must arrive.
const waitTimeout = dom0.Timeout

// read returns what a file has.
func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
