package dnspolicy_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// table makes a table of lists; the number of a list is that of its source.
func table(t testing.TB, texts ...string) *blocklist.Table {
	t.Helper()
	b := blocklist.NewBuilder(0)
	for i, text := range texts {
		if _, err := blocklist.Parse(strings.NewReader(text), blocklist.Options{},
			func(r *blocklist.Rule) error { return b.Add(blocklist.Source(i), r) }); err != nil {
			t.Fatal(err)
		}
	}
	out, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func yes() *bool { v := true; return &v }

// TestSnapshot holds who gets which rules, by every selector.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddr
	conf := &dnspolicy.Config{Upstreams: []string{"default", "vpn"}, Block: dnspolicy.Block{TTL: 60},
		Lists: []dnspolicy.List{{Name: "ads", Deny: []blocklist.Source{0}}, {Name: "games", Deny: []blocklist.Source{1}, Schedule: "work"},
			{Name: "bank", Allow: []blocklist.Source{2}, AllowOnly: true}},
		Schedules: map[string]*dnspolicy.Schedule{"work": {Begin: 9 * time.Hour, End: 17 * time.Hour}},
		Rules: []dnspolicy.Rule{
			{Qubes: []string{"work-*"}, Lists: []string{"ads", "games"}},
			{Labels: []string{"red"}, Upstream: "vpn", Isolate: yes()},
			{Tags: []string{"kiosk"}, Lists: []string{"bank"}},
			{Templates: []string{"debian-*"}, Lists: []string{}},
			{Classes: []string{"DispVM"}, Block: &dnspolicy.Block{Answer: dnspolicy.NXDomain}},
			{Addresses: []netip.Prefix{netip.MustParsePrefix("10.137.9.0/28")}, Lists: []string{"ads"}, AllowOnly: yes()},
			{Lists: []string{"games"}, FQDNOnly: yes()},
		}}
	qubes := []*qube.Qube{
		{Name: "work-1", Label: "blue", IP: addr("10.137.0.1")}, {Name: "red-1", Label: "red", IP: addr("10.137.0.2"), IP6: addr("fd09::2")},
		{Name: "kiosk", Tags: []string{"kiosk"}, IP: addr("10.137.0.3")}, {Name: "deb", Template: "debian-12", IP: addr("10.137.0.4")},
		{Name: "disp1", Class: "DispVM", IP: addr("10.138.0.1")}, {Name: "work-2", Label: "red", IP: addr("10.137.0.5")}}
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.Local)
	lists := table(t, "ads.test", "games.test", "bank.test")
	for _, tt := range []struct {
		addr            string
		at              time.Time
		ads, games, any bool // blocked
		view            string
	}{
		{"10.137.0.1", noon, true, true, false, "default"},
		{"10.137.0.1", noon.Add(8 * time.Hour), true, false, false, "default"}, // after work
		{"10.137.0.2", noon, false, true, false, "vpn"},                        // the rule for red says nothing of lists
		{"fd09::2", noon, false, true, false, "vpn"},
		{"10.137.0.3", noon, true, true, true, "default"},
		{"10.137.0.4", noon, false, false, false, "default"}, // has said: none
		{"10.138.0.1", noon, false, true, false, "default"},
		{"10.137.0.5", noon, true, true, false, "vpn"}, // two rules
		{"10.137.9.15", noon, true, true, true, "default"},
		{"10.137.9.16", noon, false, true, false, "default"},
	} {
		s := conf.New(dnspolicy.State{Table: lists, Qubes: qubes, Now: tt.at})
		p := s.Client(addr(tt.addr)).Policy
		blocked := func(text string) bool {
			n, _ := dnsmsg.ParseName(nil, text)
			return s.Name(p, n).Blocked
		}
		if blocked("ads.test") != tt.ads || blocked("games.test") != tt.games || blocked("other.test") != tt.any || p.UpstreamGroup != tt.view {
			t.Errorf("%s at %s: ads %v, games %v, others %v, %s; want %+v", tt.addr, tt.at.Format("15:04"),
				blocked("ads.test"), blocked("games.test"), blocked("other.test"), p.UpstreamGroup, tt)
		}
	}
	s := conf.New(dnspolicy.State{Table: lists, Qubes: qubes, Now: noon})
	if c := s.ByName("disp1"); c.Policy.Block.Answer != dnspolicy.NXDomain || !c.Policy.FQDNOnly {
		t.Errorf("disp1 has %+v", c.Policy)
	}
	if a, b := s.ByName("red-1"), s.ByName("work-2"); a.Isolation == 0 || a.Isolation == b.Isolation {
		t.Error("isolated qubes are not apart")
	}
	off := conf.New(dnspolicy.State{Table: lists, Qubes: qubes, Now: noon, Pauses: []dnspolicy.Pause{{Qube: "kiosk"}}})
	n, _ := dnsmsg.ParseName(nil, "other.test")
	if off.Name(off.ByName("kiosk").Policy, n).Blocked {
		t.Error("blocking is off for kiosk, but it is blocked")
	}
}

func TestSchedule_Holds(t *testing.T) {
	t.Parallel()
	night := &dnspolicy.Schedule{Days: []time.Weekday{time.Friday}, Begin: 22 * time.Hour, End: 6 * time.Hour}
	for _, tt := range []struct {
		day, hour int // of a November in which the 6th is a Friday
		want      bool
	}{{6, 21, false}, {6, 22, true}, {7, 5, true}, {7, 6, false}, {7, 23, false}, {6, 3, false}} {
		if got := night.Holds(time.Date(2026, 11, tt.day, tt.hour, 0, 0, 0, time.Local)); got != tt.want {
			t.Errorf("the %dth at %d: Holds = %v; want %v", tt.day, tt.hour, got, tt.want)
		}
	}
}
