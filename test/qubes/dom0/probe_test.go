package dom0_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/probe"
	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// probed runs qubesbeat-probe and returns what it wrote.
func (r *rig) probed(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := r.commandOf(t, scripts()[1], args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	finish(t, cmd)
	if said := out.String() + errs.String(); strings.Contains(said, "Traceback") || strings.ContainsRune(said, '\x1b') {
		t.Errorf("the script wrote %.200q", said)
	}
	if _, faults := r.qubesd.Count(""); len(faults) > 0 {
		t.Errorf("requests = %q", faults)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// announced reads a line as the logging qube does.
func announced(t testing.TB, line string) *probe.Announcement {
	t.Helper()
	a, err := probe.Parse([]byte(line))
	if err != nil {
		t.Fatalf("the logging qube refuses %s: %v", line, err)
	}
	return a
}

// planned runs qubesbeat-probe without --yes and returns what it would announce and run.
func (r *rig) planned(t testing.TB, args ...string) (a *probe.Announcement, command string) {
	t.Helper()
	stdout, stderr, code := r.probed(t, args...)
	_, rest, ok := strings.Cut(stdout, "gets, for qubesbeat.Verify:\n")
	line, rest, _ := strings.Cut(rest, "\n")
	_, command, found := strings.Cut(rest, " runs:\n")
	if code != 0 || !ok || !found || !strings.Contains(stderr, "nothing was sent") {
		t.Fatalf("exit status %d, stdout:\n%s\nstderr:\n%s", code, stdout, stderr)
	}
	if p, ok := r.run.Within(t, 0); ok {
		t.Errorf("qvm-run was started: %q", p.Args)
	}
	return announced(t, line), command
}

// TestProbe_plan checks what is announced from different places, and that nothing is
// started.
func TestProbe_plan(t *testing.T) {
	tests := []struct {
		name   string
		change func(r *rig)
		args   []string
		want   probe.Announcement
	}{
		{"attached", func(*rig) {}, []string{"work"}, probe.Announcement{Kind: probe.Tunnel, Via: "work", Client: "work", TTL: 1}},
		{"behind a tunnel", func(*rig) {}, []string{"behind.fw2_a"}, probe.Announcement{Kind: probe.Tunnel, Via: "sys-fw2", Client: "behind.fw2_a", TTL: 2}},
		{"tunnel ended", func(*rig) {}, []string{"--down", "behind.fw2_a"}, probe.Announcement{Kind: probe.Down, Via: "sys-fw2", Client: "behind.fw2_a", TTL: 2}},
		{"behind two", func(r *rig) {
			r.world.Change(func(qubes map[string]*dom0.Qube) {
				qubes["untrusted"].Provides, qubes["work"].NetVM = "True", "behind.fw2_a"
			})
		}, []string{"work"}, probe.Announcement{Kind: probe.Tunnel, Via: "sys-fw2", Client: "work", TTL: 3}},
		{"another logging qube", func(*rig) {}, []string{"--qube", "sys-vpn", "work"}, probe.Announcement{Kind: probe.Tunnel, Via: "sys-log", Client: "work", TTL: 2}},
		{"behind a gateway of Whonix", func(r *rig) { r.world.Tag("sys-fw2", "anon-gateway") }, []string{"behind.fw2_a"},
			probe.Announcement{Kind: probe.Tunnel, Via: "sys-fw2", TTL: 2}},
		{"the gateway itself", func(r *rig) { r.world.Tag("sys-fw2", "anon-gateway") }, []string{"sys-fw2"},
			probe.Announcement{Kind: probe.Tunnel, Via: "sys-fw2", Client: "sys-fw2", TTL: 1}},
	}
	t.Parallel()
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, releases[i%2], dom0.Behaviour{})
			tt.change(r)
			got, _ := r.planned(t, tt.args...)
			tt.want.Nonce, tt.want.Sizes, tt.want.For = got.Nonce, probe.Sizes(), 30*time.Second
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("announcement mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestProbe_pseudonym checks that the names are those of the inventory.
func TestProbe_pseudonym(t *testing.T) {
	t.Parallel()
	r := newRig(t, "r4.3", dom0.Behaviour{})
	r.world.Tag("behind.fw2_a", "hidden")
	r.world.Tag("sys-fw2", "hidden")
	args := []string{"--pseudonym", "hidden", "--salt", r.salt(t, "salt", strings.Repeat("s", 32))}
	got, _ := r.planned(t, append(args, "behind.fw2_a")...)
	stdout, _, _ := r.printed(t, args...)
	for _, q := range parse(t, dom0.Push{Text: []byte(stdout)}) {
		if q.Name == got.Client && q.NetVM == got.Via && strings.HasPrefix(q.Name, "qube-") && strings.HasPrefix(q.NetVM, "qube-") {
			return
		}
	}
	t.Errorf("%s through %s is not in the inventory: %s", got.Client, got.Via, stdout)
}

// fakes writes programs for the qube that note with which arguments they are called, and
// returns a function that reads the notes.
func (r *rig) fakes(t testing.TB, names ...string) func() []string {
	t.Helper()
	log := filepath.Join(r.dir, "calls")
	for _, name := range names {
		text := fmt.Sprintf("#!/bin/sh\necho '%s' \"$@\" | tr '\\n' '~' | sed 's/$/\\n/' >> '%s'\n", name, log)
		if err := os.WriteFile(filepath.Join(r.dir, "bin", name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return func() []string {
		return strings.Split(strings.TrimSuffix(string(read(t, log)), "\n"), "\n")
	}
}

// pings are the calls of ping that docs/probes.md describes.
func pings(n probe.Nonce, ttl int) (calls []string) {
	for _, family := range []struct {
		flag    string
		headers int
		to      string
	}{{"-4", 28, probe.Echo4().String()}, {"-6", 48, probe.Echo6().String()}} {
		for _, size := range probe.Sizes() {
			calls = append(calls, fmt.Sprintf("ping %s -n -c 1 -W 1 -t %d -s %d -p %x %s~", family.flag, ttl, size-family.headers, n.Pattern(), family.to))
		}
	}
	return calls
}

// TestProbe checks what is started, in which order, and that nothing of it is read: a
// hostile qube, and a hostile sys-log, write to the terminal in vain.
func TestProbe(t *testing.T) {
	for _, noisy := range []string{"", noise()} {
		t.Run(fmt.Sprint(len(noisy)), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "r4.3", dom0.Behaviour{Runs: true, Noise: noisy, Status: 1})
			calls := r.fakes(t, "ping", "python3", "getent")
			_, stderr, code := r.probed(t, "--yes", "--dns", "behind.fw2_a")
			if want := "sent; in sys-log: qubesbeat verify --qube sys-fw2\n"; code != 0 || stderr != want {
				t.Errorf("exit status %d, stderr %q; want %q", code, stderr, want)
			}
			first, command, last := r.next(t), r.next(t), r.next(t)
			service := []string{"--no-autostart", "--no-gui", "--pass-io", "--service", "sys-log", "qubesbeat.Verify"}
			if !slices.Equal(first.Args, service) || !slices.Equal(last.Args, service) {
				t.Errorf("qvm-run %q and %q; want %q", first.Args, last.Args, service)
			}
			if want := []string{"--no-autostart", "--no-gui", "behind.fw2_a"}; len(command.Args) != 4 || !slices.Equal(command.Args[:3], want) || !strings.HasPrefix(command.Args[3], "{\n") || len(command.Text) > 0 {
				t.Errorf("qvm-run %q with %q; want %q and nothing", command.Args, command.Text, want)
			}
			a, sent := announced(t, string(first.Text)), announced(t, string(last.Text))
			if sent.Kind != probe.Sent || sent.Nonce != a.Nonce {
				t.Errorf("last announcement = %+v; want that those with the nonce %x were sent", sent, a.Nonce)
			}
			got := calls()
			if diff := cmp.Diff(pings(a.Nonce, 2), got[:min(10, len(got))]); diff != "" {
				t.Errorf("calls mismatch (-want +got):\n%s", diff)
			}
			if want := "getent hosts " + a.Nonce.Name() + "~"; got[len(got)-1] != want || !strings.HasPrefix(got[len(got)-2], "python3 -c import socket") {
				t.Errorf("calls %q; want python3 and then %s", got[10:], want)
			}
		})
	}
}

// TestProbe_notRun checks that a command that was not run is not taken for one whose
// canaries did not come out.
func TestProbe_notRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, "r4.3", dom0.Behaviour{})
	_, stderr, code := r.probed(t, "--yes", "--down", "work")
	if code != 1 || !strings.Contains(stderr, "did not run the command to its end") {
		t.Errorf("exit status %d, stderr %q", code, stderr)
	}
	r.next(t)
	r.next(t)
	if p, ok := r.run.Within(t, 0); ok {
		t.Errorf("the logging qube got %q", p.Text)
	}
}

// TestProbe_refused checks that nothing is started where a probe would show nothing, and
// that no answer of qubesd ends the script in another way.
func TestProbe_refused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, qube, want string
		change           func(r *rig)
	}{
		{"unknown", "no-such-qube", "there is no qube no-such-qube", nil},
		{"no name", "a b", "'a b' is not the name of a qube", nil},
		{"a name for the terminal", "a\x1b[2J", `'a\x1b[2J' is not the name of a qube`, nil},
		{"halted", "personal", "personal does not run, and a probe starts nothing; qvm-start personal", nil},
		{"no network", "vault", "vault does not use sys-log, directly or through other netvms; see qvm-prefs vault netvm", nil},
		{"elsewhere", "sys-vpn", "sys-vpn does not use sys-log", nil},
		{"the logging qube is halted", "work", "sys-log does not run", func(r *rig) {
			r.world.Change(func(qubes map[string]*dom0.Qube) { qubes["sys-log"].XID = "-1" })
		}},
		{"a loop", "work", "work does not use sys-log", func(r *rig) {
			r.world.Change(func(qubes map[string]*dom0.Qube) { qubes["work"].NetVM, qubes["sys-fw2"].NetVM = "sys-fw2", "work" })
		}},
		{"tags are not known", "work", "qubesd does not say which tags work has", func(r *rig) {
			r.qubesd.Spoil(func(method, _ string, answer []byte) []byte {
				if method == "admin.vm.tag.List+" {
					return []byte("2\x00QubesDaemonAccessError\x00\x00no\x00")
				}
				return answer
			})
		}},
		{"no qubesd", "work", "qubesd at ", func(r *rig) { r.qubesd.Stop() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "r4.3", dom0.Behaviour{})
			if tt.change != nil {
				tt.change(r)
			}
			stdout, stderr, code := r.probed(t, "--yes", tt.qube)
			if code != 1 || stdout != "" || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit status %d, stdout %q, stderr %q; want %q", code, stdout, stderr, tt.want)
			}
			r.isQuiet(t)
		})
	}
}

// TestProbe_hostile checks that a spoiled answer neither ends the script with a traceback
// nor has it announce what the logging qube refuses.
func TestProbe_hostile(t *testing.T) {
	t.Parallel()
	for _, tt := range spoilers() {
		if tt.method == "admin.vm.List+" { // which it does not call
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "r4.3", dom0.Behaviour{})
			r.qubesd.Spoil(func(method, name string, answer []byte) []byte {
				if method == tt.method && name == tt.qube {
					return tt.spoil(answer)
				}
				return answer
			})
			stdout, _, code := r.probed(t, "work")
			if _, rest, ok := strings.Cut(stdout, "gets, for qubesbeat.Verify:\n"); ok == (code == 0) && ok {
				line, _, _ := strings.Cut(rest, "\n")
				announced(t, line)
			} else if ok || code != 1 {
				t.Errorf("exit status %d, stdout %q", code, stdout)
			}
		})
	}
}

// TestProbe_nonce checks that all nonces are valid, and that no two are equal.
func TestProbe_nonce(t *testing.T) {
	t.Parallel()
	const program = "import runpy, sys; m = runpy.run_path(sys.argv[1]); print(*[m['make_nonce']().hex() for _ in range(2000)], sep='\\n')"
	out, err := output(python(t), "-c", program, scripts()[1])
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	seen := map[string]bool{}
	for hex := range strings.FieldsSeq(out) {
		announced(t, `{"version":1,"kind":"sent","nonce":"`+hex+`"}`)
		seen[hex] = true
	}
	if len(seen) != 2000 {
		t.Errorf("%d different nonces; want 2000", len(seen))
	}
}
