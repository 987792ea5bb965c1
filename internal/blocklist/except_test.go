package blocklist_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
)

// TestCase21_exceptions reads settings for names inside of what the same list blocks: for
// dnsmasq and Unbound, the more specific name wins.
func TestCase21_exceptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		want     []string
		skipped  int
	}{
		{name: "a server", in: "address=/ads.test/#\nserver=/ok.ads.test/#", want: []string{"*.ads.test", "allow *.ok.ads.test"}},
		{name: "in the other order", in: "server=/ok.ads.test/#\naddress=/ads.test/#", want: []string{"*.ads.test", "allow *.ok.ads.test"}},
		{name: "a server of its own", in: "server=/loc.test/\nserver=/a.loc.test/10.0.0.1\nlocal=/b.loc.test/10.0.0.1#5353", want: []string{"*.loc.test", "allow *.a.loc.test", "allow *.b.loc.test"}},
		{name: "an address", in: "address=/t.test/0.0.0.0\naddress=/OK.t.test/192.0.2.7", want: []string{"*.t.test", "allow *.ok.t.test"}},
		{name: "several names", in: "address=/t.test/\nserver=/a.t.test/other.test/b.t.test/#", want: []string{"*.t.test", "allow *.a.t.test", "allow *.b.t.test"}, skipped: 1},
		{name: "below by far", in: "address=/t.test/\nserver=/a.b.c.t.test/#", want: []string{"*.t.test", "allow *.a.b.c.t.test"}},
		{name: "the same name", in: "address=/t.test/\nserver=/t.test/#", want: []string{"*.t.test"}, skipped: 1},
		{name: "above", in: "address=/a.t.test/\nserver=/t.test/#", want: []string{"*.a.t.test"}, skipped: 1},
		{name: "beside", in: "address=/t.test/\nserver=/at.test/#", want: []string{"*.t.test"}, skipped: 1},
		{name: "blocked again below", in: "address=/ads.t.ok.test/\naddress=/test/\nserver=/ok.test/#", want: []string{"*.ads.t.ok.test", "*.test", "allow ok.test"}},
		{name: "a list of servers", in: "server=/a.test/192.0.2.1\nserver=/b.a.test/192.0.2.1\n0.0.0.0 a.test", want: []string{"a.test"}, skipped: 2},
		{name: "an adblock rule is none of dnsmasq's", in: "||a.test^\nserver=/b.a.test/192.0.2.1", want: []string{"*.a.test"}, skipped: 1},
		{name: "zones", in: "local-zone: \"u.test\" always_nxdomain\nlocal-zone: \"ok.u.test\" transparent\nlocal-zone: \"a.u.test\" always_transparent\nlocal-zone: \"b.u.test\" inform\nlocal-zone: \"c.test\" transparent",
			want: []string{"*.u.test", "allow *.ok.u.test", "allow *.a.u.test", "allow *.b.u.test"}, skipped: 1},
		{name: "hosts of a zone", in: "local-zone: \"s.test\" static\nlocal-data: \"host.s.test A 192.0.2.9\"\nlocal-data: \"s.test. 60 IN AAAA 2001:db8::9\"\nlocal-data: \"w.s.test CNAME host.s.test\"\nlocal-data: \"n.s.test A 0.0.0.0\"\nlocal-data: \"t.s.test TXT x\"",
			want: []string{"*.s.test", "n.s.test", "allow host.s.test", "allow s.test", "allow w.s.test"}, skipped: 1},
		{name: "a zone without data", in: "local-zone: \"u.test\" always_null\nlocal-data: \"host.u.test A 192.0.2.9\"", want: []string{"*.u.test"}, skipped: 1},
		{name: "the nearest zone decides", in: "local-zone: \"u.test\" static\nlocal-zone: \"x.u.test\" always_nxdomain\nlocal-data: \"host.x.u.test A 192.0.2.9\"", want: []string{"*.u.test", "*.x.u.test"}, skipped: 1},
		{name: "a redirected zone", in: "local-zone: \"u.test\" static\nlocal-zone: \"r.u.test\" redirect\nlocal-data: \"r.u.test A 192.0.2.9\"", want: []string{"*.u.test", "allow *.r.u.test"}, skipped: 1},
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
			if report.Skipped != tt.skipped || report.Wrong != 0 || report.Rules != len(tt.want) || (report.Skipped > 0) != (len(report.Skips) > 0) {
				t.Errorf("report = %+v; want %d skipped with a reason", report, tt.skipped)
			}
		})
	}
}

// TestParse_exceptions_bound takes a list of very many servers as before: what it would
// take to find exceptions in it is bounded.
func TestParse_exceptions_bound(t *testing.T) {
	t.Parallel()
	got, report, err := rules(t, strings.Repeat("server=/a.t.test/#\n", 20_000)+"address=/t.test/#\n", blocklist.Options{})
	if err != nil || len(got) != 10_001 || report.Skipped != 10_000 {
		t.Errorf("%d rules, %d skipped, %v", len(got), report.Skipped, err)
	}
}
