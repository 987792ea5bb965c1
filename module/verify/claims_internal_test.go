package verify

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/atomicfile"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// claimed returns the addresses that are claimed, by qube.
func (b *bed) claimed() map[string]string {
	b.t.Helper()
	m := map[string]string{}
	for _, e := range b.observer.verifier.Externals() {
		m[e.Qube] += e.Address.String() + " "
	}
	return m
}

// TestService_claims keeps what qubes claim over a restart.
func TestService_claims(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newBedIn(t, true, dir)
	b.Judge().Close() // calls are made at once
	for _, a := range []string{"199.189.94.44", "199.189.94.43", "2606:2800:220::1"} {
		if err := b.Claim(t.Context(), "work", netip.MustParseAddr(a)); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range [][2]string{{"unheard-of", "199.189.94.43"}, {"work", "10.1.2.3"}, {"work", "192.0.2.7"}, {"work", "2001:db8::1"}, {"work", "fe80::1"}, {"work", "100.64.0.1"}} {
		if err := b.Claim(t.Context(), bad[0], netip.MustParseAddr(bad[1])); err == nil {
			t.Errorf("%s is noted to be seen as %s", bad[0], bad[1])
		}
	}
	info, err := os.Stat(filepath.Join(dir, claimsFile))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the file of claims: %v, %v", info, err)
	}
	again := newBedIn(t, true, dir)
	if got := again.claimed(); len(got) != 1 || got["work"] != "199.189.94.43 2606:2800:220::1 " {
		t.Errorf("claims after a restart: %v", got)
	}
	if got := newBedIn(t, false, dir).claimed(); len(got) != 0 {
		t.Errorf("a replay has the claims of the live beat: %v", got)
	}
}

// TestService_badClaims keeps a file that cannot be read, and takes nothing from it.
func TestService_badClaims(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{", "[] []", `[{"qube":"../x","ip":"1.2.3.4","at":"2026-11-28T00:00:00Z"}]`, `[{"qube":"work"}]`} {
		dir := t.TempDir()
		path := filepath.Join(dir, claimsFile)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := newBedIn(t, true, dir).claimed(); len(got) != 0 {
			t.Errorf("%s: claims %v", text, got)
		}
		if kept, err := os.ReadFile(path + atomicfile.Aside); err != nil || string(kept) != text {
			t.Errorf("%s: kept %q, %v", text, kept, err)
		}
	}
}

// FuzzParseClaims reads anything.
func FuzzParseClaims(f *testing.F) {
	f.Add([]byte(`[{"qube":"work","ip":"199.189.94.43","method":"claim","at":"2026-11-28T00:00:00Z"}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parseClaims(text)
		var v judge.Verifier
		for _, c := range list {
			v.Claim(c.Qube, c.Address, c.At)
		}
		if err == nil && len(v.Externals()) > len(list) {
			t.Errorf("%d claims of %d", len(v.Externals()), len(list))
		}
	})
}
