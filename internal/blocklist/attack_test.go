package blocklist_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
)

// TestCase21_onlyWhatBlocks reads settings that give a name a server or an address,
// which is the opposite of blocking it.
func TestCase21_onlyWhatBlocks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		want     []string
		skipped  int
		wrong    int
	}{
		{name: "servers", in: "server=/intra.test/192.0.2.53\nserver=/std.test/#\nserver=/v6.test/2001:db8::1#5353@eth0\nlocal=/l.test/192.0.2.53\n" +
			"--server=/opt.test/192.0.2.53\nserver = /space.test/ 192.0.2.53\nserver=/a.test/b.test/192.0.2.53", skipped: 7},
		{name: "no server", in: "server=/a.test/\nlocal=/b.test/c.test/\n--local=/d.test/\nserver = /e.test/",
			want: []string{"*.a.test", "*.b.test", "*.c.test", "*.d.test", "*.e.test"}},
		{name: "addresses", in: "address=/a.test/\naddress=/b.test/#\naddress=/c.test/0.0.0.0\naddress=/d.test/::\naddress=/e.test/127.0.0.1\naddress=/f.test/::1",
			want: []string{"*.a.test", "*.b.test", "*.c.test", "*.d.test", "*.e.test", "*.f.test"}},
		{name: "real addresses", in: "address=/nas.test/192.168.1.2\naddress=/www.test/2001:db8::2\naddress=/x.test/y.test/203.0.113.7", skipped: 3},
		{name: "half a setting", in: "address=/a.test\naddress=/b.test/nowhere\nserver=/c.test", wrong: 3},
		{name: "all names", in: "address=/#/0.0.0.0", wrong: 1},
		{name: "names without a dot", in: "server=//", skipped: 1},
		{name: "dots and stars", in: "address=/.a.test/0.0.0.0\naddress=/*.b.test/0.0.0.0", want: []string{"*.a.test", "*.b.test"}},
		{name: "other settings", in: "ipset=/a.test/set\nnftset=/b.test/4#inet#t#s\nrebind-domain-ok=/c.test/\nhost-record=d.test,192.0.2.1\ncname=e.test,f.test\n" +
			"domain=g.test\nbogus-nxdomain=192.0.2.9\nconf-file=/etc/x\naddn-hosts=/etc/y\ndhcp-range=192.0.2.1,192.0.2.9\nserver=192.0.2.53\nrev-server=192.0.2.0/24,192.0.2.53", skipped: 12},
		{name: "zones of Unbound that block", in: "server:\nlocal-zone: \"a.test\" refuse\nlocal-zone: b.test. always_nxdomain\n  local-zone: 'c.test' always_null",
			want: []string{"*.a.test", "*.b.test", "*.c.test"}, skipped: 1},
		{name: "zones of Unbound that do not", in: "local-zone: \"a.test\" transparent\nlocal-zone: \"b.test\" typetransparent\nlocal-zone: \"c.test\" inform\nlocal-zone: \"d.test\" nodefault\n" +
			"local-zone: \"e.test\" always_transparent\nlocal-zone: \"f.test\" redirect\nlocal-data: \"f.test A 192.0.2.1\"\nlocal-data-ptr: \"192.0.2.1 g.test\"\nforward-zone:\nname: \"h.test\"", skipped: 10},
		{name: "data of Unbound", in: "local-data: \"a.test A 0.0.0.0\"\nlocal-data: 'b.test. 60 IN AAAA ::'\nlocal-zone: \"C.test.\" redirect\nlocal-data: \"c.test A 127.0.0.1\"\nlocal-data: \"d.test MX 1 x.test\"",
			want: []string{"a.test", "b.test", "*.c.test"}, skipped: 2},
		{name: "hosts of real machines", in: "192.168.1.2 nas.test printer.test\n203.0.113.9 www.test\nfd00::1 v6.test\nfe80::1%lo0 localhost\n::1 localhost\n192.0.2.0/24 x.test", skipped: 3, wrong: 1},
		{name: "hosts of none", in: "0.0.0.0 a.test\n127.0.0.1 b.test\n:: c.test\n::1 d.test\n127.0.1.1 e.test\n::ffff:0.0.0.0 f.test\n255.255.255.255 broadcasthost g.test",
			want: []string{"a.test", "b.test", "c.test", "d.test", "e.test", "f.test", "g.test"}},
		{name: "addresses that begin with a letter", in: "fd00::1\nfe80::/10", want: []string{"fd00::1/128", "fe80::/10"}},
		{name: "conditions", in: "||a.test^$dnstype=AAAA\n||b.test^$client=10.0.0.1\n||c.test^$dnsrewrite=192.0.2.1\n||d.test^$denyallow=e.test\n||f.test^$badfilter\n||g.test^$ctag=x", skipped: 6},
		{name: "exceptions", in: "@@||a.test^$important\n@@||b.test^|\n@@|https://c.test", want: []string{"allow *.a.test", "allow *.b.test"}, skipped: 1},
		{name: "a zone of a response policy", in: "a.test CNAME rpz-passthru.\nb.test CNAME .", wrong: 2},
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
			if report.Skipped != tt.skipped || report.Wrong != tt.wrong || (report.Skipped > 0) != (len(report.Skips) > 0) {
				t.Errorf("report = %+v; want %d skipped with a reason, %d wrong", report, tt.skipped, tt.wrong)
			}
		})
	}
}

// TestCase22_notAList reads texts of other kinds, which have no rules at all, even
// if one of their lines is a name.
func TestCase22_notAList(t *testing.T) {
	t.Parallel()
	const tail = "\nlogin\nads.test\n"
	for name, in := range map[string]string{
		"HTML":                    "<!DOCTYPE html>\n<html>" + tail,
		"without a doctype":       "<html><body>" + tail,
		"with a mark":             "\xef\xbb\xbf<!doctype HTML>" + tail,
		"white space before":      "\n\r\n \t\n  <HTML lang=de>" + tail,
		"a mark after a line":     "\n\xef\xbb\xbf<html>" + tail,
		"a comment before":        "<!-- portal -->\n<html>" + tail,
		"a comment as of a list":  "# welcome\n<!DOCTYPE html>" + tail,
		"XHTML":                   "<?xml version=\"1.0\"?>\n<!DOCTYPE html PUBLIC \"x\">" + tail,
		"a script that redirects": "<script>location='/login'</script>" + tail,
		"RSS":                     "<?xml version='1.0'?><rss>" + tail,
		"JSON":                    "{\"error\": \"not found\"}" + tail,
		"JSON in lines":           "{\n  \"error\":\n1}" + tail,
		"array":                   "[\n{\"a\":1}]" + tail,
		"UTF-16":                  "\xff\xfea\x00.\x00t\x00",
		"UTF-16 big-endian":       "\xfe\xff\x00a\x00.",
		"UTF-16 without a mark":   "a\x00.\x00t\x00e\x00s\x00t\x00\n\x00",
		"PDF":                     "%PDF-1.7\n" + tail,
		"zip":                     "PK\x03\x04" + tail,
		"gzip":                    "\x1f\x8b\x08\x00" + tail,
		"binary":                  "\x7fELF\x02\x01\x01\x00\x00" + tail,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _, err := rules(t, in, blocklist.Options{})
			if !errors.Is(err, blocklist.ErrNotList) || len(got) > 0 {
				t.Errorf("Parse = %q, %v; want no rules and %v", got, err, blocklist.ErrNotList)
			}
		})
	}
	for name, in := range map[string]string{
		"adblock":      "[Adblock Plus 2.0]" + tail,
		"privoxy":      "{+block}" + tail,
		"a comment":    "# see <html> or {\"a\"}" + tail,
		"a mark":       "\xef\xbb\xbf# list" + tail,
		"a long one":   strings.Repeat("# x\n", 4000) + tail,
		"Latin letter": "# caf\xe9" + tail,
	} {
		if got, _, err := rules(t, in, blocklist.Options{}); err != nil || len(got) != 2 {
			t.Errorf("%s: Parse = %q, %v; want two rules", name, got, err)
		}
	}
}
