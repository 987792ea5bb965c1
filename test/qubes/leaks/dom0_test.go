//go:build linux

package leaks_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// admin is what the script of dom0 finds there.
type admin struct {
	*stage
	dir    string // for PATH
	qubesd *dom0.Qubesd
}

// newAdmin returns the dom0 of a stage.
func newAdmin(s *stage) *admin {
	s.tb.Helper()
	d := &admin{stage: s, dir: beat.NewHome(s.tb)}
	dom0.NewQvmRun(s.tb, d.dir, d.dir, dom0.Behaviour{Does: d.run})
	d.qubesd = dom0.NewQubesd(filepath.Join(d.dir, "qubesd.sock"), dom0.NewWorldOf(
		dom0.Qube{Name: "sys-net", Class: "AppVM", Provides: "True", XID: "1"},
		dom0.Qube{Name: "sys-log", Class: "AppVM", NetVM: "sys-net", Provides: "True", XID: "3"},
		dom0.Qube{Name: "sys-vpn", Class: "AppVM", NetVM: "sys-log", Provides: "True", XID: "7"},
		dom0.Qube{Name: "banking", Class: "AppVM", NetVM: "sys-vpn", XID: "12"}))
	d.qubesd.Start(s.tb)
	s.tb.Cleanup(d.qubesd.Stop)
	return d
}

// run does what qvm-run would: it calls the service in sys-log, where it is a program, or has a
// qube run a command.
func (d *admin) run(p dom0.Push) {
	switch line := strings.Join(p.Args, " "); {
	case line == "--no-autostart --no-gui --pass-io --service sys-log qubesbeat.Verify":
		cmd := exec.CommandContext(d.ctx, beat.Program(d.tb), d.beat.Args("verify", "receive")...)
		cmd.Env, cmd.Stdin = append(os.Environ(), "QREXEC_REMOTE_DOMAIN=dom0"), strings.NewReader(string(p.Text))
		if out, err := cmd.CombinedOutput(); err != nil {
			d.tb.Errorf("verify receive: %v\n%s", err, out)
		}
	case strings.HasPrefix(line, "--no-autostart --no-gui banking "):
		_, _, _ = d.banking.Run(d.ctx, "sh", "-c", p.Args[len(p.Args)-1])
	default:
		d.tb.Errorf("qvm-run %s", line)
	}
}

// probe runs the script as a user of dom0 does.
func (d *admin) probe(args ...string) {
	d.tb.Helper()
	cmd := exec.CommandContext(d.ctx, fixture.Repository(d.tb, "packaging", "dom0", "qubesbeat-probe"), append(args, "--socket", d.qubesd.Path, "banking")...)
	cmd.Env = append(os.Environ(), "PATH="+d.dir+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		d.tb.Fatalf("%s: %v\n%s", cmd.Args, err, out)
	}
	if _, faults := d.qubesd.Count(""); len(faults) > 0 {
		d.tb.Errorf("requests = %q", faults)
	}
}
