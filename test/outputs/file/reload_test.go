package file_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// resolver is a beat that serves DNS and nothing else, which needs no privileges.
type resolver struct {
	*beat.Beat
	addr, out string
	asked     int
}

// startResolver starts a beat; change may be nil.
func startResolver(t *testing.T, output string, change func(*beat.Command)) *resolver {
	t.Helper()
	home := beat.NewHome(t)
	r := &resolver{addr: dnstest.FreePort(t, netip.AddrFrom4([4]byte{127, 0, 0, 1})).String(), out: filepath.Join(home, "out")}
	c := beat.Self(t, "qubesbeat")
	c.Home = home
	c.Args = beat.Flags(home, beat.Write(t, home, "qubesbeat.yml", fmt.Sprintf(
		"qubesbeat: {flows: {enabled: false}, inventory: {hold: 0s}, resolver: {listen: [%q], socket: HOME/s}}\nlogging: {to_stderr: true, level: info}\n", r.addr)+output))
	if change != nil {
		change(&c)
	}
	r.Beat = c.LaunchReady(t) // before, a SIGHUP may stop it
	r.Await(t, "the resolver answers", func() bool { return r.query("ready.localhost.") })
	return r
}

func (r *resolver) query(name string) bool {
	m := new(dns.Msg)
	m.SetQuestion(name, dns.TypeA)
	c := dns.Client{Timeout: time.Second}
	a, _, err := c.Exchange(m, r.addr)
	return err == nil && len(a.Answer) > 0
}

// ask makes events and waits until they are in the file in use.
func (r *resolver) ask(t *testing.T, queries int) {
	t.Helper()
	for range queries {
		if !r.query(fmt.Sprintf("q%d.localhost.", r.asked)) {
			t.Fatalf("query %d is not answered\n%s", r.asked, r.Tail())
		}
		r.asked++
	}
	last := fmt.Sprintf(`"q%d.localhost"`, r.asked-1)
	r.Await(t, "the events are written", func() bool {
		text, _ := os.ReadFile(filepath.Join(r.out, "events.ndjson"))
		return strings.Contains(string(text), last)
	})
}

const fileOutput = "output.file: {path: HOME/out, filename: events}\n"

// complete returns the complete files.
func (r *resolver) complete() []string {
	files, _ := filepath.Glob(filepath.Join(r.out, "events-*.ndjson"))
	return files
}

// TestFile_reload completes the file at each SIGHUP that finds one, and moves complete
// files away as a script would: no event is lost, and the beat goes on.
func TestFile_reload(t *testing.T) {
	t.Parallel()
	r := startResolver(t, fileOutput, nil)
	archive := t.TempDir()
	for round := range 3 {
		r.ask(t, 20)
		r.Signal(t, syscall.SIGHUP)
		poll.Until(t, "the file is complete", func() bool { return len(r.complete()) > 0 })
		for _, path := range r.complete() {
			if err := os.Rename(path, filepath.Join(archive, fmt.Sprint(round, "-", filepath.Base(path)))); err != nil {
				t.Fatal(err)
			}
		}
		if !r.query("ready.localhost.") {
			t.Fatalf("the beat has stopped at SIGHUP:\n%s", r.Tail())
		}
	}
	r.End(t)
	got := map[string]int{}
	for _, dir := range []string{archive, r.out} {
		for _, e := range beat.ReadEvents(t, dir) {
			if name := e.Text("dns.question.name"); strings.HasPrefix(name, "q") {
				got[name]++
			}
		}
	}
	for i := range r.asked {
		if n := got[fmt.Sprintf("q%d.localhost", i)]; n != 1 {
			t.Errorf("the event of query %d is there %d times; want once", i, n)
		}
	}
}

// TestFile_reload_other leaves a beat alone whose output is no file.
func TestFile_reload_other(t *testing.T) {
	t.Parallel()
	r := startResolver(t, "output.discard.enabled: true\n", nil)
	r.Signal(t, syscall.SIGHUP)
	r.Await(t, "the log says so", func() bool { return strings.Contains(r.Log(), "nothing was rotated at SIGHUP") })
	if !r.query("ready.localhost.") {
		t.Fatalf("the beat has stopped at SIGHUP:\n%s", r.Tail())
	}
	r.End(t)
}

// TestFile_reload_terminal stops a beat whose terminal is closed.
func TestFile_reload_terminal(t *testing.T) {
	t.Parallel()
	_, terminal := openTerminal(t)
	r := startResolver(t, fileOutput, func(c *beat.Command) {
		c.Start = func(cmd *exec.Cmd) error {
			cmd.Stdin = terminal
			return cmd.Start()
		}
	})
	r.Signal(t, syscall.SIGHUP)
	poll.Until(t, "the beat stops", r.HasEnded)
}

// openTerminal opens both ends of a pseudo terminal.
func openTerminal(t *testing.T) (control, terminal *os.File) {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("opening a terminal: %v; it needs /dev/ptmx and devpts", err)
	}
	t.Cleanup(func() { _ = control.Close() })
	fd := int(control.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("opening a terminal: %v; it needs /dev/ptmx and devpts", err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return control, terminal
}
