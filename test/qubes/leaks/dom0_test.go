//go:build linux

package leaks_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// qvmRun stands in for the program of dom0: it hands its arguments and its input to the test,
// and ends when that has done what they say.
const qvmRun = `#!/usr/bin/python3
import socket, sys
text = sys.stdin.buffer.read()
with socket.socket(socket.AF_UNIX) as conn:
    conn.connect(%q)
    conn.sendall(b'\0'.join([a.encode() for a in sys.argv[1:]] + [text]))
    conn.shutdown(socket.SHUT_WR)
    conn.recv(1)
`

// dom0 is what the script of dom0 finds there.
type dom0 struct {
	*stage
	dir string
}

// newDom0 returns the dom0 of a stage.
func newDom0(s *stage) *dom0 {
	s.tb.Helper()
	d := &dom0{stage: s, dir: beat.NewHome(s.tb)}
	run := filepath.Join(d.dir, "run.sock")
	if err := os.WriteFile(filepath.Join(d.dir, "qvm-run"), fmt.Appendf(nil, qvmRun, run), 0o700); err != nil {
		s.tb.Fatal(err)
	}
	d.serve(run, d.run)
	d.serve(filepath.Join(d.dir, "qubesd.sock"), d.qubesd)
	return d
}

// serve answers requests on a socket until the end of the test.
func (d *dom0) serve(path string, answer func(request string) string) {
	d.tb.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		d.tb.Fatal(err)
	}
	d.tb.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if request, err := io.ReadAll(conn); err == nil {
					_, _ = conn.Write([]byte(answer(string(request))))
				}
			}()
		}
	}()
}

// qubesd answers what the script asks: METHOD+ dom0 name QUBE.
func (d *dom0) qubesd(request string) string {
	words := strings.Split(strings.TrimSuffix(request, "\x00"), " ")
	netvm, xid := map[string]string{"banking": "sys-vpn", "sys-vpn": "sys-log", "sys-log": "sys-net"}, map[string]int{"banking": 12, "sys-vpn": 7, "sys-log": 3}
	name := words[len(words)-1]
	switch {
	case xid[name] == 0:
		return "2\x00QubesVMNotFoundError\x00\x00No such domain\x00\x00"
	case words[0] == "admin.vm.property.GetAll+":
		return fmt.Sprintf("0\x00netvm default=False type=vm %s\nxid default=True type=int %d\n", netvm[name], xid[name])
	}
	return "0\x00"
}

// run does what qvm-run would: it calls the service in sys-log, where it is a program, or has a
// qube run a command.
func (d *dom0) run(request string) string {
	args := strings.Split(request, "\x00")
	text := args[len(args)-1]
	switch line := strings.Join(args[:len(args)-1], " "); {
	case line == "--no-autostart --no-gui --pass-io --service sys-log qubesbeat.Verify":
		cmd := exec.CommandContext(d.ctx, beat.Program(d.tb), d.beat.Args("verify", "receive")...)
		cmd.Env, cmd.Stdin = append(os.Environ(), "QREXEC_REMOTE_DOMAIN=dom0"), strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			d.tb.Errorf("verify receive: %v\n%s", err, out)
		}
	case strings.HasPrefix(line, "--no-autostart --no-gui banking "):
		_, _, _ = d.banking.Run(d.ctx, "sh", "-c", args[len(args)-2])
	default:
		d.tb.Errorf("qvm-run %s", line)
	}
	return "."
}

// probe runs the script as a user of dom0 does.
func (d *dom0) probe(args ...string) {
	d.tb.Helper()
	cmd := exec.CommandContext(d.ctx, fixture.Repository(d.tb, "packaging", "dom0", "qubesbeat-probe"), append(args, "--socket", filepath.Join(d.dir, "qubesd.sock"), "banking")...)
	cmd.Env = append(os.Environ(), "PATH="+d.dir+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		d.tb.Fatalf("%s: %v\n%s", cmd.Args, err, out)
	}
}
