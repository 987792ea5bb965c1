package dom0_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// TestRestart checks that the script outlives a restart of qubesd and that it pushes
// everything again then, for the qubes may have changed meanwhile or not.
func TestRestart(t *testing.T) {
	tests := []struct {
		name   string
		change func(qubes map[string]*dom0.Qube)
	}{
		{"nothing else", func(map[string]*dom0.Qube) {}},
		{"other qubes", func(qubes map[string]*dom0.Qube) {
			delete(qubes, "banking")
			qubes["untrusted"].NetVM = ""
			qubes["vault"].NetVM, qubes["vault"].IP, qubes["vault"].IP6 = "sys-fw2", "10.137.0.10", ""
			qubes["work"].Label, qubes["work"].XID = "red", "77"
			qubes["disp4242"] = dom0.Disposable("disp4242")
		}},
	}
	eachRelease(t, func(t *testing.T, release string) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, release, dom0.Behaviour{})
				stream, _ := r.begin(t)
				half := dom0.Made(t, "work", "property-set:label", "name", "label", "newvalue", "red").Raw
				if _, err := stream.Write(half[:len(half)-9]); err != nil {
					t.Fatal(err)
				}
				r.qubesd.Stop()
				r.world.Change(tt.change)
				r.waitForWord(t)
				r.qubesd.Start(t)
				r.tell(t, r.qubesd.Stream(t), dom0.Established(t))
				r.isTold(t, r.next(t))
			})
		}
	})
}

// waitForWord waits until the script says that qubesd is away, so that it has
// tried in vain. It must say so at once: Python 3.8 keeps back what is written to
// a stderr that is no terminal.
func (r *rig) waitForWord(t *testing.T) {
	t.Helper()
	if !poll.Within(waitTimeout/2, func() bool { return r.said(t) != "" }) {
		t.Error("the script does not say that qubesd is away")
	}
}

// TestRestart_loggingQube checks that a logging qube that starts gets another push,
// since it may have lost the list, and that a start of another qube is no reason.
func TestRestart_loggingQube(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		r := newRig(t, release, dom0.Behaviour{})
		stream, first := r.begin(t)
		again := r.next(t) // two seconds later, for the service may come up late; the next one is five later
		if string(again.Text) != string(first.Text) || again.At.Sub(first.At) < time.Second {
			t.Errorf("repetition after %v = %s; want the first one after 2 s", again.At.Sub(first.At), again.Text)
		}
		r.tell(t, stream, dom0.Made(t, "sys-vpn", "domain-start", "start_guid", "True"))
		if _, ok := r.run.Within(t, silence); ok {
			t.Errorf("a push followed the start of sys-vpn")
		}
		r.tell(t, stream, dom0.Made(t, "sys-log", "domain-start", "start_guid", "True"))
		p, ok := r.run.Within(t, 3*time.Second)
		if !ok || string(p.Text) != string(first.Text) {
			t.Errorf("after the start of sys-log came %v %s; want the first push again", ok, p.Text)
		}
	})
}
