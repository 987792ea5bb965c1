package dom0_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// exits returns what a push says about ways to the outside.
func exits(t testing.TB, p dom0.Push) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, q := range parse(t, p) {
		if q.Exit != "" {
			got[q.Name] = q.Exit
		}
	}
	return got
}

// TestExit checks that a tag becomes a word, that contradicting ones become none, and
// that the tags themselves are not sent.
func TestExit(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		r := newRig(t, release, dom0.Behaviour{})
		for name, tags := range map[string][]string{
			"sys-fw2": {"anon-gateway", "whonix-updatevm"}, "untrusted": {"anon-vm"}, "banking": {"exit-vpn"}, "personal": {"exit-clear"},
			"disp1234": {"exit-vpn", "exit-clear"}, "win11": {"exit-", "exit-tor", "Exit-vpn"}, "sys-vpn": {"exit-vpn"}, "vault": {"anon-vm"},
		} {
			r.world.Tag(name, tags...)
		}
		stream, p := r.begin(t)
		want := map[string]string{"sys-fw2": "tor", "untrusted": "anon", "banking": "vpn", "personal": "clear"}
		if diff := cmp.Diff(want, exits(t, p)); diff != "" {
			t.Errorf("exits mismatch (-want +got):\n%s", diff)
		}
		if bytes.Contains(p.Text, []byte("anon-")) || bytes.Contains(p.Text, []byte("exit-")) {
			t.Errorf("a tag is sent: %s", p.Text)
		}
		r.tell(t, stream, dom0.Made(t, "disp1234", "domain-tag-delete:exit-clear", "tag", "exit-clear"))
		if got := exits(t, r.nextChange(t)); got["disp1234"] != "vpn" {
			t.Errorf("after the tag was removed: %v; want vpn for disp1234", got)
		}
	})
}

// upstream runs the script and returns its chain of netvms.
func (r *rig) upstream(t testing.TB, args ...string) []inventory.Upstream {
	t.Helper()
	stdout, stderr, code := r.printed(t, args...)
	s, err := inventory.Parse(strings.NewReader(stdout), inventory.Config{})
	if err != nil || code != 0 || stderr != "" {
		t.Fatalf("exit status %d, stderr %s: %v in\n%s", code, stderr, err, stdout)
	}
	return s.Upstream
}

// TestUpstream checks that the netvms upstream are sent if the user says so, and that
// they are not otherwise (see holdsNoMore).
func TestUpstream(t *testing.T) {
	netvms := []inventory.Upstream{{Name: "sys-net", Class: "AppVM"}, {Name: "sys-vpn", Class: "AppVM"}}
	tests := []struct {
		name   string
		change func(qubes map[string]*dom0.Qube)
		args   []string
		want   []inventory.Upstream
	}{
		{"off", func(map[string]*dom0.Qube) {}, nil, nil},
		{"on", func(map[string]*dom0.Qube) {}, []string{"--upstream"}, netvms},
		{"of another logging qube", func(map[string]*dom0.Qube) {}, []string{"--upstream", "sys-fw2"}, append(netvms[:2:2], inventory.Upstream{Name: "sys-log", Class: "AppVM"})},
		{"without a netvm", func(qubes map[string]*dom0.Qube) { qubes["sys-log"].NetVM = "" }, []string{"--upstream"}, nil},
		{"a loop between two events", func(qubes map[string]*dom0.Qube) { qubes["sys-vpn"].NetVM = "sys-fw2" }, []string{"--upstream"}, nil},
		{"a loop above", func(qubes map[string]*dom0.Qube) { qubes["sys-net"].NetVM = "sys-vpn" }, []string{"--upstream"}, netvms},
	}
	t.Parallel()
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, releases[i%2], dom0.Behaviour{})
			r.world.Change(tt.change)
			if diff := cmp.Diff(tt.want, r.upstream(t, tt.args...)); diff != "" {
				t.Errorf("upstream mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestUpstream_pseudonym checks that a netvm to hide is hidden upstream, too, and left
// out as long as its tags are not known.
func TestUpstream_pseudonym(t *testing.T) {
	t.Parallel()
	r := newRig(t, "r4.3", dom0.Behaviour{})
	r.world.Tag("sys-vpn", "hidden")
	args := []string{"--upstream", "--pseudonym", "hidden", "--salt", r.salt(t, "salt", strings.Repeat("s", 16))}
	if got := r.upstream(t, args...); len(got) != 2 || got[0].Name != "sys-net" || !strings.HasPrefix(got[1].Name, "qube-") {
		t.Errorf("upstream = %v; want sys-net and a pseudonym", got)
	}
	r.qubesd.Spoil(func(method, name string, answer []byte) []byte {
		if method == "admin.vm.tag.List+" && name == "sys-vpn" {
			return nil
		}
		return answer
	})
	if got := r.upstream(t, args...); len(got) != 0 {
		t.Errorf("upstream = %v; want nothing, for nothing is known of sys-vpn", got)
	}
}
