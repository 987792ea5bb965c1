package dom0_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// start starts the script. When the test is over it is killed, and what must be
// true of every run is checked.
func (r *rig) start(t testing.TB, args ...string) {
	t.Helper()
	cmd := r.command(t, args...)
	// Its qvm-run goes with it, and it does not outlive a test that panics.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stdout, stderr := r.create(t, "stdout"), r.create(t, "stderr")
	defer stdout.Close()
	defer stderr.Close()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	started := make(chan error)
	r.ended = make(chan struct{})
	go func() {
		runtime.LockOSThread() // the script is to die with this thread, not with whichever started it
		started <- cmd.Start()
		_ = cmd.Wait()
		close(r.ended)
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if r.check(t) { // else its number may be that of another process
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		<-r.ended
	})
}

// begin starts the script and returns its stream and its first push.
func (r *rig) begin(t testing.TB, args ...string) (net.Conn, dom0.Push) {
	t.Helper()
	r.start(t, args...)
	stream := r.qubesd.Stream(t)
	r.tell(t, stream, dom0.Established(t))
	return stream, r.next(t)
}

// tell changes the world and then sends the event.
func (r *rig) tell(t testing.TB, stream net.Conn, o dom0.Occurrence) {
	t.Helper()
	r.world.Happen(o)
	if _, err := stream.Write(o.Raw); err != nil {
		t.Fatalf("writing %v: %v", o, err)
	}
}

// next waits for a push that must come.
func (r *rig) next(t testing.TB) dom0.Push {
	t.Helper()
	p, ok := r.run.Within(t, waitTimeout)
	if !ok {
		t.Fatalf("no push came; the script said:\n%s", r.said(t))
	}
	return p
}

// nextChange is next for a push that differs from the one before.
func (r *rig) nextChange(t testing.TB) dom0.Push {
	t.Helper()
	p, ok := r.run.ChangeWithin(t, waitTimeout)
	if !ok {
		t.Fatalf("no other push came; the script said:\n%s", r.said(t))
	}
	return p
}

// isTold checks that a push has what sys-log should know of the world.
func (r *rig) isTold(t testing.TB, p dom0.Push) {
	t.Helper()
	if diff := sameQubes(expect(t, r.world.Qubes, "sys-log"), parse(t, p)); diff != "" {
		t.Errorf("push mismatch (-want +got):\n%s", diff)
	}
}

// create makes a file for what the script writes.
func (r *rig) create(t testing.TB, name string) *os.File {
	t.Helper()
	file, err := os.Create(filepath.Join(r.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// said is all that the script wrote itself.
func (r *rig) said(t testing.TB) string {
	t.Helper()
	return string(read(t, filepath.Join(r.dir, "stdout"))) + string(read(t, filepath.Join(r.dir, "stderr")))
}

// check checks what is true of every run: the script is alive and calm, speaks as
// the Admin API wants it, and pushed nothing that the receiver refuses.
func (r *rig) check(t testing.TB) (alive bool) {
	t.Helper()
	select {
	case <-r.ended:
		t.Errorf("the script ended by itself")
	default:
		alive = true
	}
	if said := r.said(t); strings.Contains(said, "Traceback") || strings.Contains(said, "\x1b") {
		t.Errorf("the script wrote %.100q and so on to %q", said, said[max(0, len(said)-100):])
	}
	if _, faults := r.qubesd.Count(""); len(faults) > 0 {
		t.Errorf("requests = %q", faults)
	}
	r.run.Rewind()
	for n := 1; ; n++ {
		p, ok := r.run.Within(t, 0)
		if !ok {
			return alive
		}
		if _, err := inventory.Parse(bytes.NewReader(p.Text), inventory.Config{}); err != nil && len(p.Text) > 0 {
			t.Errorf("push %d is refused: %v", n, err)
		}
	}
}

// silence is long enough for a push to have come if one were to come.
const silence = 300 * time.Millisecond
