package dns_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/module/dns"
)

// TestCase22_check reports files that are no lists before a start.
func TestCase22_check(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"page": "<!DOCTYPE html>\nlogin\n", "good": "bad.example\n", "empty": "",
		"servers": "server=/corp.example/192.0.2.1\n", "hosts": "\xff\xfe1\x00"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := dns.Parse(resolverWith(func(c *config.Resolver) {
		c.HostsFiles = []string{dir + "/hosts"}
		c.Lists = map[string]config.ResolverList{
			"a": {Deny: []string{dir + "/page"}},
			"b": {Deny: []string{dir + "/good", dir + "/empty", "https://lists.example/", "file://" + dir + "/good"}},
			"c": {Deny: []string{"<html>\nlogin\n"}},
			"d": {Deny: []string{dir + "/servers"}},
			"e": {Deny: []string{"/dev/zero"}},
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	wantProblems(t, "Check", s.Check(t.TempDir()), "resolver.hosts_files: "+dir+"/hosts: the text begins with the byte order mark of UTF-16",
		"resolver.lists.a: "+dir+"/page: not a list of names: it is an HTML", "resolver.lists.c: inline: not a list of names",
		"resolver.lists.d: "+dir+"/servers: no line is a rule", "resolver.lists.e: /dev/zero is not a regular file")
}

// TestCase22_log warns at the start about a file that is no list, and blocks none of
// the names in it.
func TestCase22_log(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "page")
	if err := os.WriteFile(path, []byte("<!DOCTYPE html>\n<a>\nlogin\nads.example\n</a>\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(_ *world, c *config.Resolver) {
		c.Lists = map[string]config.ResolverList{"ads": {Deny: []string{path}}}
	})
	w.start()
	if text := w.log.String(); !strings.Contains(text, `msg="a list has faults" list=ads`) || !strings.Contains(text, "not a list of names") {
		t.Errorf("log %s; want the file that is no list", text)
	}
	n := w.counters()
	if n["list_rules"] != 0 || n["lists_failed"] != 1 {
		t.Errorf("list_rules = %d, lists_failed = %d; want 0, 1", n["list_rules"], n["lists_failed"])
	}
	w.stop()
}
