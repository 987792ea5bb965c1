package blocklist_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// rules returns the rules of a list, one line of text each.
func rules(t testing.TB, text string, opts blocklist.Options) (out []string, r blocklist.Report, err error) {
	t.Helper()
	r, err = blocklist.Parse(strings.NewReader(text), opts, func(r *blocklist.Rule) error {
		s := map[bool]string{true: "allow "}[r.Allow]
		switch r.Kind {
		case blocklist.Exact:
			s += dnsmsg.Text(r.Name)
		case blocklist.Tree:
			s += "*." + dnsmsg.Text(r.Name)
		case blocklist.Regexp:
			s += r.Expr.String()
		case blocklist.Net:
			s += r.Net.String()
		}
		out = append(out, s)
		return nil
	})
	return out, r, err
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		want     []string
		wrong    int
		skipped  int
	}{
		{name: "names", in: "Example.com\nwww.example.org.\n_x.test", want: []string{"example.com", "www.example.org", "_x.test"}},
		{name: "comments and empty lines", in: "# one\n! two\n####\n## three\n\n  \na.test # three\nb.test\t# four\n[Adblock Plus]\n", want: []string{"a.test", "b.test"}},
		{name: "Windows ends, byte order mark, no last end", in: "\xef\xbb\xbfa.test\r\nb.test", want: []string{"a.test", "b.test"}},
		{name: "hosts", in: "0.0.0.0 a.test b.test\n127.0.0.1\tlocalhost c.test\n::1 ip6-localhost", want: []string{"a.test", "b.test", "c.test"}},
		{name: "comments of hosts and zone files", in: "; one\n0.0.0.0 a.test#two\n0.0.0.0 b.test c.test# three\n192.0.2.0/24 ; four\nd.test\t;five",
			want: []string{"a.test", "b.test", "c.test", "192.0.2.0/24", "d.test"}},
		{name: "what is no comment", in: "a.test#@$#body { x }\nb.test#c\nd.test;x", wrong: 3},
		{name: "capitals in expressions", in: "/Ad\\S+/\n/^B[A-C]\\.test$/", want: []string{`(?i)Ad\S+`, `(?i)^B[A-C]\.test$`}},
		{name: "wildcards", in: "*.a.test\n.b.test\naddress=/c.test/0.0.0.0\nlocal=/d.test/", want: []string{"*.a.test", "*.b.test", "*.c.test", "*.d.test"}},
		{name: "adblock", in: "||a.test^\n@@||b.test^\n||c.test^$important\n||d.test^$third-party\n||e.test/path\n##.ad\na.test##.ad\n|http://x",
			want: []string{"*.a.test", "allow *.b.test", "*.c.test"}, skipped: 5},
		{name: "expressions", in: "/ad[0-9]+/\n/(^|\\.)a\\.test$/\n/[/\n/x", want: []string{"ad[0-9]+", "*.a.test"}, wrong: 2},
		{name: "addresses", in: "192.0.2.1\n198.51.100.0/24\n2001:db8::1\n::ffff:192.0.2.7", want: []string{"192.0.2.1/32", "198.51.100.0/24", "2001:db8::1/128", "192.0.2.7/32"}},
		{name: "IDN", in: "müller.com\nxn--mller-kva.com", want: []string{"xn--mller-kva.com", "xn--mller-kva.com"}},
		{name: "wrong", in: "invalidIP localhost\nxn---mllerk1va.com\ninvalid.*.wildcard\na..b\n" + strings.Repeat("a", 64) + ".test\n" +
			strings.Repeat("a", 5000) + "\nok.test", want: []string{"ok.test"}, wrong: 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, report, err := rules(t, tt.in, blocklist.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("rules mismatch (-want +got):\n%s", diff)
			}
			if report.Wrong != tt.wrong || report.Skipped != tt.skipped || report.Rules != len(tt.want) {
				t.Errorf("report = %+v; want %d wrong, %d skipped", report, tt.wrong, tt.skipped)
			}
		})
	}
}

func TestParse_compat(t *testing.T) {
	t.Parallel()
	got, _, _ := rules(t, "||a.test^\n*.b.test", blocklist.Options{Compat: true})
	if diff := cmp.Diff([]string{"a.test", "*.b.test"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestParse_faults checks that the rules before too many invalid lines count.
func TestParse_faults(t *testing.T) {
	t.Parallel()
	got, report, err := rules(t, "a.test\na b\nb.test\nc d\nc.test", blocklist.Options{MaxFaults: 1})
	if !errors.Is(err, blocklist.ErrFaults) || !strings.Contains(err.Error(), "line 4") {
		t.Errorf("Parse = %v; want too many invalid lines at line 4", err)
	}
	if diff := cmp.Diff([]string{"a.test", "b.test"}, got); diff != "" {
		t.Error(diff)
	}
	if want := (blocklist.Fault{Line: 2, Text: "a b", Reason: report.Faults[0].Reason}); report.Faults[0] != want {
		t.Errorf("fault = %+v", report.Faults[0])
	}
}

// TestParse_real reads lists as they are published.
func TestParse_real(t *testing.T) {
	t.Parallel()
	const dir = "../../../shared/lists"
	files := 0
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) == ".md" || strings.Contains(strings.ToUpper(path), "LICENSE") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		_, r, err := rules(t, string(data), blocklist.Options{})
		files++
		t.Logf("%s: %d rules, %d skipped, %d wrong %v %v", path[len(dir)+1:], r.Rules, r.Skipped, r.Wrong, r.Faults, err)
		return nil
	})
	if files == 0 {
		t.Skip("no " + dir + " beside the repository")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a.test", "0.0.0.0 a.test b", "||a.test^$important", "/a|b/", "@@||x^", "1.2.3.0/24", "*.müller.de", "address=/a/b/1.2.3.4", "server=/a/#",
		"local-zone: \"a.test\" redirect\nlocal-data: \"a.test A 0.0.0.0\"", "\xff\xfea\x00", "[\n{", "<html"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b := blocklist.NewBuilder(0)
		_, _ = blocklist.Parse(strings.NewReader(text), blocklist.Options{}, func(r *blocklist.Rule) error {
			if r.Kind <= blocklist.Tree {
				if _, err := dnsmsg.SkipName(r.Name, 0); err != nil || len(r.Name) < 2 {
					t.Fatalf("%q gives the name %q", text, r.Name)
				}
			}
			return b.Add(0, r)
		})
		if _, err := b.Build(); err != nil {
			t.Fatal(err)
		}
	})
}
