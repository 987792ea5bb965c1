package dom0_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// pseudonyms are the names of a list that are not the names of qubes.
func (r *rig) pseudonyms(t *testing.T, salt string) (names []string) {
	t.Helper()
	stdout, stderr, code := r.printed(t, "--pseudonym", "client-acme", "--pseudonym", "hidden", "--salt", salt)
	if code != 0 || stderr != "" {
		t.Fatalf("exit status %d: %s", code, stderr)
	}
	for _, q := range parse(t, dom0.Push{Text: []byte(stdout)}) {
		if r.world.Qubes[q.Name] == nil {
			names = append(names, q.Name)
		}
	}
	return names
}

// TestPseudonym_salt checks that a pseudonym depends on the name and on the secret
// and on nothing else, so that it lasts and cannot be guessed.
func TestPseudonym_salt(t *testing.T) {
	t.Parallel()
	var rigs []*rig
	for _, release := range []string{"r4.2", "r4.3", "r4.3"} {
		r := newRig(t, release, dom0.Behaviour{})
		r.world.Tag("banking", "hidden")
		rigs = append(rigs, r)
	}
	rigs[2].world.Change(func(qubes map[string]*dom0.Qube) { qubes["work"].Label, qubes["work"].IP = "black", "10.137.0.99" })
	one, other := strings.Repeat("s", 32), strings.Repeat("s", 31)+"t"
	first := rigs[0].pseudonyms(t, rigs[0].salt(t, "one", one))
	if len(first) != 2 || first[0] == first[1] {
		t.Fatalf("pseudonyms = %q; want two, of banking and of work", first)
	}
	for _, r := range rigs {
		if diff := cmp.Diff(first, r.pseudonyms(t, r.salt(t, "one", one))); diff != "" {
			t.Errorf("pseudonyms mismatch (-before +again):\n%s", diff)
		}
	}
	for _, name := range rigs[0].pseudonyms(t, rigs[0].salt(t, "other", other)) {
		if name == first[0] || name == first[1] {
			t.Errorf("%s is the same with another secret", name)
		}
	}
}

// TestPseudonym_noSalt checks that nothing is pushed without a secret that cannot be guessed.
func TestPseudonym_noSalt(t *testing.T) {
	t.Parallel()
	r := newRig(t, "r4.3", dom0.Behaviour{})
	for _, salt := range []string{filepath.Join(r.dir, "missing"), r.salt(t, "empty", ""), r.salt(t, "short", strings.Repeat("s", 15))} {
		for _, args := range [][]string{{"--print"}, {}} {
			cmd := r.command(t, append(args, "--pseudonym", "client-acme", "--salt", salt)...)
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			finish(t, cmd)
			if code := cmd.ProcessState.ExitCode(); code != 2 || stdout.Len() > 0 {
				t.Errorf("%q: exit status %d and %q on stdout; want 2 and nothing", cmd.Args, code, stdout.String())
			}
			for _, want := range []string{salt + " is missing or short", "head -c 32 /dev/urandom > " + salt} {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("%q: stderr = %s; want %q in it", cmd.Args, stderr.String(), want)
				}
			}
		}
	}
	if n, _ := r.qubesd.Count("admin"); n > 0 {
		t.Errorf("qubesd was asked %d times", n)
	}
	r.isQuiet(t)
}
