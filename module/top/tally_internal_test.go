package top

import (
	"fmt"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// sink counts documents.
type sink struct{ published int }

func (s *sink) Publish(event.Document) { s.published++ }

// plainDocument is one that no client has caused.
type plainDocument struct{ event.Document }

// document is one with an account.
type document struct {
	event.Document
	account event.Account
}

func (d *document) Account(a *event.Account) { *a = d.account }

// TestService_Watch counts verdicts with their packets and findings as such, and passes on
// all that comes.
func TestService_Watch(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	var out sink
	watched := s.Watch(&out)
	of := func(iface string) *event.Parties { return &event.Parties{Interface: iface} }
	for _, d := range []event.Document{
		&document{account: event.Account{Dataset: "qubesbeat.firewall", Count: 7, Parties: of("vif4.0")}},
		&document{account: event.Account{Dataset: "qubesbeat.firewall", Count: 1, Parties: of("vif4.0")}},
		&document{account: event.Account{Dataset: "qubesbeat.finding", Alert: true, Count: 9, Parties: of("vif4.0")}},
		&document{account: event.Account{Dataset: "qubesbeat.inventory", Count: 1, Parties: of("vif4.0")}},
		&document{account: event.Account{Dataset: "qubesbeat.firewall", Count: 2, Parties: of("vif7.0")}},
		&document{account: event.Account{Dataset: "qubesbeat.firewall", Count: 2, Parties: of("")}},
		plainDocument{},
	} {
		watched.Publish(d)
	}
	all := s.tallies.all()
	if work := all["vif4.0"]; work.refused != 8 || work.findings != 1 || all["vif7.0"].refused != 2 || len(all) != 2 {
		t.Errorf("tallies = %+v", all)
	}
	if out.published != 7 {
		t.Errorf("%d documents went on; want 7", out.published)
	}
}

// TestService_nil counts nothing where there is no live view.
func TestService_nil(t *testing.T) {
	t.Parallel()
	var s *Service
	var out sink
	if s.Watch(&out) != event.Sink(&out) {
		t.Error("Watch of a nil service wraps the sink")
	}
	s.Query("vif4.0", false, 1)
}

// TestTallies_bounded keeps the interfaces whatever addresses a qube invents, and counts what
// is forgotten.
func TestTallies_bounded(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	s.Query("vif4.0", true, 3)
	for i := range 3 * maxInterfaces {
		s.Query(fmt.Sprintf("10.1.%d.%d", i>>8, i&255), false, 1)
	}
	all := s.tallies.all()
	if len(all) != maxInterfaces+1 || all["vif4.0"].blocked != 3 || s.tallies.lost() != 2*maxInterfaces {
		t.Errorf("%d clients, %d forgotten, vif4.0 %+v", len(all), s.tallies.lost(), all["vif4.0"])
	}
	if _, ok := all["10.1.11.255"]; !ok {
		t.Error("the latest address is forgotten")
	}
}
