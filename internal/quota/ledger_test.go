package quota_test

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/quota"
)

// account returns an event of a qube, or of an unknown client on an interface.
func account(name, iface string, size int) *event.Account {
	p := &event.Parties{Interface: iface, Client: netip.MustParseAddr("10.137.0.7")}
	if name != "" {
		p.Qube, p.Attribution = &qube.Qube{Name: name}, event.Inventory
	}
	return &event.Account{Parties: p, Dataset: "flow", Size: size, Count: 1, Start: 5, End: 7, Sent: event.Traffic{Packets: 1, Bytes: 100},
		Outcome: "idle", Peer: netip.MustParseAddr("192.0.2.1"), Port: 443}
}

// newLedger returns a ledger and its clock.
func newLedger() (*quota.Ledger, *int64) {
	now := new(int64)
	return quota.New(quota.Config{Burst: 1000, PerDay: 24 * 60 * 60, Now: func() int64 { return *now }}), now
}

// TestLedger_Admit charges the qube, under whatever interface or address its events
// come, and unknown clients by their interface.
func TestLedger_Admit(t *testing.T) {
	t.Parallel()
	l, now := newLedger()
	query := func(size int) *event.Account {
		a := account("work", "vif7.0", size)
		a.Dataset = "qubesbeat.dns"
		return a
	}
	for i, tt := range []struct {
		account *event.Account
		at      int64 // seconds
		want    bool
	}{
		{account("work", "vif7.0", 750), 0, true},
		{account("work", "vif7.0", 1), 0, false}, // flows have three quarters
		{account("work", "vif9.0", 1), 0, false}, // restarted
		{query(250), 0, true},                    // what flows have left
		{query(1), 0, false},
		{account("personal", "vif8.0", 750), 0, true},
		{account("", "vif7.0", 750), 0, true}, // not the same: its name is not known
		{account("", "vif7.0", 1), 0, false},
		{account("work", "vif7.0", 45), 60, true}, // a byte a second, of which flows have three quarters
		{account("work", "vif7.0", 1), 60, false},
		{query(15), 60, true},
		{query(1), 60, false},
	} {
		if *now = tt.at * 1e9; l.Admit(tt.account) != tt.want {
			t.Errorf("event %d: admitted is %v; want %v", i, !tt.want, tt.want)
		}
	}
	want := quota.Stats{Admitted: 6, AdmittedBytes: 2560, Summarized: 6, SummarizedBytes: 6}
	if diff := cmp.Diff(want, l.Stats()); diff != "" {
		t.Errorf("Stats mismatch (-want +got):\n%s", diff)
	}
}

// TestLedger_interim leaves room for final events.
func TestLedger_interim(t *testing.T) {
	t.Parallel()
	l, _ := newLedger()
	report := account("work", "vif7.0", 10)
	report.Count = 0
	interim, final := 0, 0
	for l.Admit(report) {
		interim += report.Size
	}
	for l.Admit(account("work", "vif7.0", 10)) {
		final += 10
	}
	if interim != 250 || final != 750 {
		t.Errorf("%d bytes of interim events and %d of final ones; want 250 and 750", interim, final)
	}
	if all := l.Close(); len(all) != 1 || all[0].Interim != 1 || all[0].Events != 2 {
		t.Errorf("summaries = %+v; want one of both", all)
	}
}

// TestLedger_alerts have a share of their own, which nothing else uses up and which uses
// up nothing else.
func TestLedger_alerts(t *testing.T) {
	t.Parallel()
	l, _ := newLedger()
	alert := account("work", "vif7.0", 20)
	alert.Dataset, alert.Alert = "qubesbeat.finding", true
	for l.Admit(account("work", "vif7.0", 10)) {
	}
	admitted := 0
	for range 100 {
		if l.Admit(alert) {
			admitted++
		}
	}
	if admitted != 3 { // a sixteenth of 1000 bytes
		t.Errorf("%d alerts of a client that has used its share; want 3", admitted)
	}
	all := l.Close()
	if len(all) != 2 || all[1].Dataset != "qubesbeat.finding" || all[1].Events != 97 {
		t.Errorf("summaries = %+v; want one of 97 alerts", all)
	}
}

// TestLedger_Close returns what was left out since the last call.
func TestLedger_Close(t *testing.T) {
	t.Parallel()
	l, _ := newLedger()
	other := account("work", "vif9.0", 3000)
	other.Start, other.End, other.Port, other.Outcome, other.Parties.Client = 1, 9, 22, "end", netip.MustParseAddr("10.137.0.8")
	spoofed := account("work", "vif7.0", 3000)
	spoofed.Parties.Attribution, spoofed.Count, spoofed.Sent = event.Spoofed, 0, event.Traffic{} // an interim event
	query := account("work", "vif7.0", 3000)
	query.Dataset, query.Name, query.Count = "qubesbeat.dns", "www.example", 3
	for _, a := range []*event.Account{account("work", "vif7.0", 3000), other, spoofed, query} {
		l.Admit(a)
	}
	all := l.Close()
	if len(all) != 2 || all[0].Dataset != "flow" || all[1].Dataset != "qubesbeat.dns" {
		t.Fatalf("Close = %+v; want a summary of flows and one of queries", all)
	}
	s := all[0]
	if s.Events != 3 || s.Count != 2 || s.Interim != 1 || s.Spoofed != 1 || s.Start != 1 || s.End != 9 || s.Size != 9000 ||
		s.Sent != (event.Traffic{Packets: 2, Bytes: 200}) || s.Lowest != 22 || s.Highest != 443 || s.Peers() != 1 || s.Ports() != 2 {
		t.Errorf("summary = %+v", s)
	}
	if s.Parties.Qube.Name != "work" || s.Parties.Client.IsValid() || s.Parties.Interface != "" {
		t.Errorf("parties = %+v; want the qube alone, because the rest differs", s.Parties)
	}
	if diff := cmp.Diff([]quota.Outcome{{Name: "idle", Count: 1}, {Name: "end", Count: 1}}, s.Outcomes); diff != "" {
		t.Errorf("outcomes mismatch (-want +got):\n%s", diff)
	}
	if s = all[1]; s.Count != 3 || s.Names() != 1 || !s.Parties.Client.IsValid() || s.Parties.Interface != "vif7.0" {
		t.Errorf("summary of queries = %+v", s)
	}
	if again := l.Close(); again != nil {
		t.Errorf("Close returned %+v again", again)
	}
}

// TestLedger_bounds keeps few summaries, and few and short outcomes in each.
func TestLedger_bounds(t *testing.T) {
	t.Parallel()
	l, _ := newLedger()
	for i := range 5000 {
		l.Admit(account(fmt.Sprint("qube-", i), "vif1.0", 2000))
	}
	for i := range 20 {
		a := account("qube-0", "vif1.0", 2000)
		a.Outcome = strings.Repeat(fmt.Sprint(i, "-"), 1000)
		l.Admit(a)
	}
	all := l.Close()
	if len(all) > 1025 {
		t.Errorf("%d summaries; want at most 1025", len(all))
	}
	events := uint64(0)
	for _, s := range all {
		events += s.Events
		if len(s.Outcomes) > 8 {
			t.Errorf("%d outcomes; want at most 8", len(s.Outcomes))
		}
		for _, o := range s.Outcomes {
			if len(o.Name) > 64 {
				t.Errorf("an outcome of %d bytes; want at most 64", len(o.Name))
			}
		}
	}
	if events != 5020 || all[0].Parties.Qube != nil {
		t.Errorf("%d events, first of %v; want 5020, and a summary of no client for what found no room", events, all[0].Parties.Qube)
	}
}

// TestSummary_Peers is an estimate of few and of many.
func TestSummary_Peers(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 10, 200, 1000, 100_000} {
		l, _ := newLedger()
		for i := range n {
			a := account("work", "vif7.0", 2000)
			a.Peer = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
			l.Admit(a)
			l.Admit(a)
		}
		got := float64(l.Close()[0].Peers())
		if off := math.Abs(got-float64(n)) / float64(n); off > 0.3 { // more than four standard errors
			t.Errorf("Peers = %v; want about %d", got, n)
		}
	}
}

// BenchmarkLedger_Admit takes the way of every event.
func BenchmarkLedger_Admit(b *testing.B) {
	for name, burst := range map[string]int64{"admitted": 1 << 50, "summarized": 0} {
		b.Run(name, func(b *testing.B) {
			l := quota.New(quota.Config{Burst: burst, Now: func() int64 { return 0 }})
			a := account("work", "vif7.0", 1000)
			b.ReportAllocs()
			for b.Loop() {
				l.Admit(a)
			}
		})
	}
}
