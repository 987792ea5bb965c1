package localdata_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/localdata"
)

// zipped returns a text compressed with gzip.
func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestRecords_Hosts_other refuses what is no hosts file, with its name and what it is.
func TestRecords_Hosts_other(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"page":     {"<!DOCTYPE html><html>\n<body>log in</body>\n", "an HTML or XML page"},
		"json":     {"{\"a\":1}\n", "it is JSON"},
		"gz":       {zipped(t, "10.0.0.1 a.example\n"), "gzip"},
		"utf16":    {"1\x000\x00.\x000\x00.\x000\x00.\x001\x00 \x00a\x00\n\x00", "UTF-16"},
		"reversed": {"a.example 10.0.0.1\n", `line 1, "a.example 10.0.0.1": the address must come before the names`},
		"names":    {"# a list\na.example\n", `line 2, "a.example": "a.example" is not an address`},
		"bad":      {"10.0.0.256 a.example\n", `"10.0.0.256" is not an address`},
		"alone":    {"10.0.0.1\n", "no name behind the address"},
		"one line": {"10.0.0.1 a.example\r10.0.0.2 b.example\r", `"10.0.0.2" is an address, where a name must be`},
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = localdata.NewRecords().Hosts(f, 60, false); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("%s: Hosts: %v; want %s: … %s", name, err, path, tt.want)
		}
		_ = f.Close()
	}
}

// TestHostsFaults names the lines that are left out, and Hosts keeps the others.
func TestHostsFaults(t *testing.T) {
	t.Parallel()
	const text = "10.0.0.1\nfoo bar\n10.0.0.256 x.example\n10.0.0.1 a..b\n10.0.0.2 ok.example\n127.0.0.1 localhost\n10.0.0.3 *.w.example\nlast\n"
	z := localdata.NewRecords()
	if wrong, err := z.Hosts(strings.NewReader(text), 60, false); wrong != 6 || err != nil {
		t.Errorf("Hosts = %d, %v", wrong, err)
	}
	if got := answer(t, z, "ok.example", dns.TypeA, nil); got != "ok.example. 60 A 10.0.0.2" {
		t.Errorf("ok.example: %q", got)
	}
	got, err := localdata.HostsFaults(strings.NewReader(text))
	all := strings.Join(got, "\n")
	for _, want := range []string{"line 1, \"10.0.0.1\": there is no name", "line 2, \"foo bar\": \"foo\" is not an address", "line 3,", "line 4, \"10.0.0.1 a..b\": \"a..b\": ", "line 7, ", "and 1 more"} {
		if !strings.Contains(all, want) {
			t.Errorf("HostsFaults = %v, %v; want one with %q", got, err, want)
		}
	}
	if got, err := localdata.HostsFaults(strings.NewReader("# x\n10.0.0.1 a.example\n\n::1 localhost\n")); len(got) != 0 || err != nil {
		t.Errorf("HostsFaults = %v, %v", got, err)
	}
	if _, err := localdata.HostsFaults(strings.NewReader("{\"a\":1}")); err == nil {
		t.Error("HostsFaults of JSON: no error")
	}
}
