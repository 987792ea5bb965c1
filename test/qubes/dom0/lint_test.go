package dom0_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// linted runs the script with --lint and returns its findings.
func (r *rig) linted(t testing.TB, args ...string) (found []string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := r.command(t, append([]string{"--lint", "--policy", filepath.Join(r.dir, "policy.d")}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	finish(t, cmd)
	if found = strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"); out.Len() == 0 {
		found = nil
	}
	total := fmt.Sprintf("qubesbeat-inventory: %d findings; nothing was sent\n", len(found))
	if len(found) == 1 {
		total = "qubesbeat-inventory: 1 finding; nothing was sent\n"
	}
	if code := cmd.ProcessState.ExitCode(); code != min(1, len(found)) || !strings.HasSuffix(errs.String(), total) || strings.Contains(errs.String(), "Traceback") {
		t.Errorf("exit status %d with %d findings, stderr %q", code, len(found), errs.String())
	}
	r.isQuiet(t)
	return found
}

// policy writes a file of qrexec's policy.
func (r *rig) policy(t testing.TB, name, text string) {
	t.Helper()
	dir := filepath.Join(r.dir, "policy.d")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// alike makes the disposables of all qubes leave as they do themselves.
func (r *rig) alike() {
	r.world.Change(func(map[string]*dom0.Qube) { r.world.DispVMs["vault"], r.world.DispVMs["sys-usb"] = "", "" })
}

// whonix makes sys-fw2 a gateway, in the place of sys-whonix.
func (r *rig) whonix() {
	r.world.Tag("sys-fw2", "anon-gateway")
	r.world.Change(func(map[string]*dom0.Qube) { r.world.DispVMs["sys-fw2"], r.world.DispVMs["behind.fw2_a"] = "", "" })
}

// defaults is what a fresh installation has.
const defaults = `## comment qubes.UpdatesProxy * @anyvm @default allow target=commented
qubes.UpdatesProxy  *  @tag:whonix-updatevm  @default  allow target=sys-fw2
qubes.UpdatesProxy  *  @type:TemplateVM  @default  allow target=sys-net
qubes.UpdatesProxy  *  @anyvm  @anyvm  deny
`

// lints are situations with what is to be said of them.
func lints() []struct {
	name   string
	change func(t *testing.T, r *rig)
	want   []string
} {
	return []struct {
		name   string
		change func(t *testing.T, r *rig)
		want   []string
	}{
		{"all is well", func(t *testing.T, r *rig) { r.policy(t, "90-default.policy", defaults) }, nil},
		{"all is well with Tor", func(t *testing.T, r *rig) {
			r.whonix()
			r.world.Tag("behind.fw2_a", "anon-vm")
			r.policy(t, "90-default.policy", strings.ReplaceAll(defaults, "sys-net", "sys-fw2"))
			r.world.Change(func(map[string]*dom0.Qube) { r.world.Settings["updatevm"] = "sys-fw2" })
		}, nil},
		{"disposables with a network", func(_ *testing.T, r *rig) {
			r.world.Change(func(map[string]*dom0.Qube) { r.world.DispVMs["vault"] = "default-dvm" })
		}, []string{"vault: no network; disposables opened from it (default-dvm): clear. See qvm-prefs vault default_dispvm"}},
		{"disposables without Tor", func(_ *testing.T, r *rig) {
			r.whonix()
			r.world.Change(func(map[string]*dom0.Qube) { delete(r.world.DispVMs, "behind.fw2_a") })
		}, []string{"behind.fw2_a: tor (sys-fw2); disposables opened from it (default-dvm): clear. See qvm-prefs behind.fw2_a default_dispvm"}},
		{"disposables in another tunnel", func(_ *testing.T, r *rig) {
			r.world.Tag("sys-fw2", "exit-vpn")
			r.world.Change(func(map[string]*dom0.Qube) { r.world.DispVMs["sys-fw2"] = "" })
		}, []string{"behind.fw2_a: vpn (sys-fw2); disposables opened from it (default-dvm): clear. See qvm-prefs behind.fw2_a default_dispvm"}},
		{"a workstation without its gateway", func(_ *testing.T, r *rig) { r.world.Tag("work", "anon-vm") },
			[]string{"work has the tag anon-vm, but its netvm sys-log is no gateway (tag anon-gateway). See qvm-prefs work netvm"}},
		{"a workstation without a network", func(_ *testing.T, r *rig) { r.world.Tag("vault", "anon-vm") }, nil},
		{"two words", func(_ *testing.T, r *rig) { r.world.Tag("work", "exit-vpn", "exit-clear") },
			[]string{"work has the tags exit-clear and exit-vpn, of which only one can be true. See qvm-tags work"}},
		{"a client of sys-net", func(_ *testing.T, r *rig) {
			r.world.Change(func(qubes map[string]*dom0.Qube) { qubes["work"].NetVM = "sys-net" })
		}, []string{"work is attached to sys-net itself, which does not enforce its qvm-firewall. See qvm-prefs work netvm"}},
		{"a tunnel that passes the logging qube by", func(_ *testing.T, r *rig) {
			r.whonix()
			r.world.Change(func(qubes map[string]*dom0.Qube) { qubes["sys-fw2"].NetVM = "sys-net" })
		}, []string{"sys-fw2 is not attached to sys-log, which therefore cannot tell whether it leaks. See qvm-prefs sys-fw2 netvm"}},
		{"the logging qube inside the tunnel", func(_ *testing.T, r *rig) {
			r.world.Tag("sys-vpn", "exit-vpn")
			r.world.Change(func(qubes map[string]*dom0.Qube) {
				for _, q := range qubes {
					r.world.DispVMs[q.Name] = ""
				}
			})
		}, []string{"sys-vpn is upstream of sys-log, which therefore cannot tell whether it leaks. See qvm-prefs sys-vpn netvm"}},
		{"dom0 is updated without Tor", func(t *testing.T, r *rig) {
			r.whonix()
			r.policy(t, "50-config-updates.policy", "qubes.UpdatesProxy * @type:TemplateVM @default allow target=sys-fw2\n")
			r.policy(t, "90-default.policy", defaults)
		}, []string{"updates of templates go through sys-fw2: tor (sys-fw2); those of dom0 through sys-net: clear. " +
			"See qubes-prefs updatevm, and qubes.UpdatesProxy in POLICY"}},
		{"the proxy does not exist", func(t *testing.T, r *rig) {
			r.policy(t, "90-default.policy", strings.ReplaceAll(defaults, "sys-net", "sys-whonix"))
		}, []string{"updates of templates go through sys-whonix, which does not exist. See qubes.UpdatesProxy in POLICY"}},
		{"no updates", func(t *testing.T, r *rig) {
			r.policy(t, "30-user.policy", "qubes.UpdatesProxy * @anyvm @anyvm deny\n")
			r.policy(t, "90-default.policy", strings.ReplaceAll(defaults, "sys-net", "sys-whonix"))
		}, nil},
		{"not a file of the policy", func(t *testing.T, r *rig) {
			r.policy(t, "30-user.policy.rpmsave", strings.ReplaceAll(defaults, "sys-net", "sys-whonix"))
		}, nil},
		{"the clock by Tor", func(_ *testing.T, r *rig) {
			r.whonix()
			r.world.Change(func(map[string]*dom0.Qube) { r.world.Settings["clockvm"] = "sys-fw2" })
		}, []string{"clockvm is sys-fw2, which cannot ask for the time: tor (sys-fw2). See qubes-prefs clockvm"}},
		{"no clock", func(_ *testing.T, r *rig) {
			r.world.Change(func(map[string]*dom0.Qube) { r.world.Settings["clockvm"] = "" })
		}, []string{"there is no clockvm, so that no clock is set. See qubes-prefs clockvm"}},
	}
}

// TestLint checks each finding alone, and that there are none where all is well.
func TestLint(t *testing.T) {
	t.Parallel()
	for i, tt := range lints() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, releases[i%2], dom0.Behaviour{})
			r.alike()
			tt.change(t, r)
			got := r.linted(t)
			for i := range got {
				got[i] = strings.ReplaceAll(got[i], filepath.Join(r.dir, "policy.d"), "POLICY")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLint_hostile checks that no answer ends it with a traceback, or brings a control
// character to the terminal.
func TestLint_hostile(t *testing.T) {
	t.Parallel()
	for _, tt := range append(spoilers(), spoiler{"settings", "admin.property.GetAll+", "dom0", always("0\x00clockvm default=False type=vm sys\x1b[2J\nupdatevm x\n\n=\n")}) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "r4.3", dom0.Behaviour{})
			r.policy(t, "90-default.policy", defaults+"qubes.UpdatesProxy * @anyvm @default allow target=\x1b[2J\xff\n")
			r.qubesd.Spoil(func(method, name string, answer []byte) []byte {
				if method == tt.method && name == tt.qube {
					return tt.spoil(answer)
				}
				return answer
			})
			var out, errs bytes.Buffer
			cmd := r.command(t, "--lint", "--policy", filepath.Join(r.dir, "policy.d"))
			cmd.Stdout, cmd.Stderr = &out, &errs
			finish(t, cmd)
			if said := out.String() + errs.String(); strings.Contains(said, "Traceback") || strings.ContainsAny(said, "\x1b\x00\ufffd") || !utf8.ValidString(said) {
				t.Errorf("the script wrote %q", said)
			}
			r.isQuiet(t)
		})
	}
}

// TestLint_noQubesd checks that there is a readable error if qubesd is not running, and
// that it is not taken for a machine without faults.
func TestLint_noQubesd(t *testing.T) {
	t.Parallel()
	r := newRig(t, "r4.3", dom0.Behaviour{})
	r.qubesd.Stop()
	if out, err := r.command(t, "--lint").CombinedOutput(); err == nil || !bytes.Contains(out, []byte("qubesd at")) || bytes.Contains(out, []byte("Traceback")) {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestLint_noQube checks that a logging qube that does not exist is an error, and no finding about all others.
func TestLint_noQube(t *testing.T) {
	t.Parallel()
	r := newRig(t, "r4.3", dom0.Behaviour{})
	for _, option := range []string{"--lint", "--print"} {
		out, err := r.command(t, option, "sys-lug").CombinedOutput()
		if err == nil || string(out) != "there is no qube sys-lug\n" {
			t.Errorf("%s: %v:\n%s", option, err, out)
		}
	}
}
