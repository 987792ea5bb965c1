package dom0_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// A cause is an event that is not in the real stream, with what dom0 has changed before it.
type cause struct {
	name   string
	change func(qubes map[string]*dom0.Qube)
	event  []string // subject, event, keys and values
}

// causes are events of qubes-core-admin 4.2 and 4.3, qubes/vm/mix/net.py, qubes/vm/qubesvm.py and qubes/app.py.
func causes() []cause {
	return []cause{
		{"another default netvm", func(qubes map[string]*dom0.Qube) {
			qubes["work"].NetVM, qubes["personal"].NetVM = "sys-vpn", "sys-vpn"
		}, []string{"", "property-set:default_netvm", "name", "default_netvm", "newvalue", "sys-vpn", "oldvalue", "sys-log"}},
		{"a netvm by default again", func(qubes map[string]*dom0.Qube) {
			qubes["work"].NetVM = "sys-fw2"
		}, []string{"work", "property-reset:netvm", "name", "netvm"}},
		{"a netvm with others behind it goes", func(qubes map[string]*dom0.Qube) {
			qubes["sys-fw2"].NetVM = ""
		}, []string{"sys-fw2", "property-set:netvm", "name", "netvm", "newvalue", "None", "oldvalue", "sys-log"}},
		{"a qube without network gets one", func(qubes map[string]*dom0.Qube) {
			qubes["vault"].NetVM, qubes["vault"].IP = "sys-fw2", "10.137.0.10"
		}, []string{"vault", "property-set:netvm", "name", "netvm", "newvalue", "sys-fw2", "oldvalue", "None"}},
		{"a qube provides network", func(qubes map[string]*dom0.Qube) {
			qubes["banking"].Provides = "True"
		}, []string{"banking", "property-set:provides_network", "name", "provides_network", "newvalue", "True"}},
		{"another template", func(qubes map[string]*dom0.Qube) {
			qubes["work"].Template = "fedora-41-xfce"
		}, []string{"work", "property-set:template", "name", "template", "newvalue", "fedora-41-xfce"}},
		{"a fixed IPv6 address", func(qubes map[string]*dom0.Qube) {
			qubes["work"].IP6 = "fd09:24ef:4179::77"
		}, []string{"work", "property-set:ip6", "name", "ip6", "newvalue", "fd09:24ef:4179::77"}},
		{"a domain is announced", func(qubes map[string]*dom0.Qube) {
			qubes["personal"].XID = "31"
		}, []string{"personal", "property-reset:xid", "name", "xid"}},
		{"IPv6 is switched off in the logging qube", func(qubes map[string]*dom0.Qube) {
			for name, q := range qubes {
				if dom0.LeadsThrough(qubes, name, "sys-log") {
					q.IP6 = ""
				}
			}
		}, []string{"sys-log", "domain-feature-set:ipv6", "feature", "ipv6", "value", ""}},
	}
}

// TestEvent checks that what changes the list leads to a push, also what is not in the real stream.
func TestEvent(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		for _, tt := range causes() {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, release, dom0.Behaviour{})
				stream, _ := r.begin(t)
				r.world.Change(tt.change)
				r.tell(t, stream, dom0.Made(t, tt.event[0], tt.event[1], tt.event[2:]...))
				p, ok := r.run.ChangeWithin(t, 4*silence)
				if !ok {
					t.Fatal("no push followed")
				}
				r.isTold(t, p)
			})
		}
	})
}

// TestEvent_late checks that a qube that is gone when it is asked for does no harm.
func TestEvent_late(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		r := newRig(t, release, dom0.Behaviour{})
		stream, _ := r.begin(t)
		if _, err := stream.Write(dom0.Made(t, "", "domain-add", "vm", "disp4242").Raw); err != nil {
			t.Fatal(err)
		}
		if p, ok := r.run.Within(t, silence); ok {
			t.Errorf("a push followed: %s", p.Text)
		}
		r.tell(t, stream, dom0.Made(t, "", "domain-add", "vm", "disp4243"))
		r.isTold(t, r.nextChange(t))
	})
}

// TestEvent_flood checks that events that come without an end do not keep the
// list back: the script waits for the end of a group, but not for ever.
func TestEvent_flood(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		r := newRig(t, release, dom0.Behaviour{})
		stream, _ := r.begin(t)
		label := dom0.Made(t, "work", "property-set:label", "name", "label", "newvalue", "gray")
		for begin := time.Now(); time.Since(begin) < 4*time.Second; {
			r.tell(t, stream, label)
			if p, ok := r.run.ChangeWithin(t, 0); ok {
				r.isTold(t, p)
				return
			}
			time.Sleep(2 * time.Millisecond)
		}
		t.Error("no push came while there were events")
	})
}
