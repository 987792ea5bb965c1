package dom0_test

import (
	"strings"
	"testing"
)

// TestExit sends one word for gateways and anonymous qubes, and only if that is wanted.
func TestExit(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		r := newRig(t, release, behaviour{})
		r.world.tag("sys-fw2", "anon-gateway")
		r.world.tag("work", "anon-vm")
		for _, tt := range []struct {
			args string
			want map[string]string
		}{{"", map[string]string{}}, {"--exit", map[string]string{"sys-fw2": "tor", "work": "anon"}}} {
			stdout, _, _ := r.printed(t, strings.Fields(tt.args)...)
			got := 0
			for _, q := range parse(t, push{text: []byte(stdout)}) {
				if q.Exit != tt.want[q.Name] {
					t.Errorf("%q: exit of %s = %q; want %q", tt.args, q.Name, q.Exit, tt.want[q.Name])
				}
				if q.Exit != "" {
					got++
				}
			}
			if got != len(tt.want) {
				t.Errorf("%q: %d qubes have an exit; want %d", tt.args, got, len(tt.want))
			}
		}
	})
}

// TestUpstream sends the names of the logging qube and its netvms, and nothing else of them.
func TestUpstream(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		r := newRig(t, release, behaviour{})
		plain, _, _ := r.printed(t)
		stdout, _, _ := r.printed(t, "--upstream")
		before := len(parse(t, push{text: []byte(plain)}))
		list := parse(t, push{text: []byte(stdout)})
		if len(list) <= before {
			t.Fatalf("%d qubes with --upstream, %d without", len(list), before)
		}
		names := map[string]bool{}
		for _, q := range list {
			names[q.Name] = true
			if q.Name == "sys-log" && (q.IP.IsValid() || q.Label != "" || q.XID >= 0 || q.NetVM == "") {
				t.Errorf("sys-log is sent with more than its name, class and netvm: %+v", q)
			}
		}
		if !names["sys-log"] || !names["sys-net"] || names["vault"] || names["dom0"] {
			t.Errorf("names = %v", names)
		}
	})
}

// TestLint prints what looks wrong, in dom0, and sends nothing.
func TestLint(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		r := newRig(t, release, behaviour{})
		r.world.tag("work", "anon-vm")
		var out strings.Builder
		cmd := r.command(t, "--lint")
		cmd.Stdout = &out
		finish(t, cmd)
		if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(out.String(), "work has the tag anon-vm, and its netvm sys-log is no gateway") {
			t.Errorf("exit status %d, output:\n%s", code, out.String())
		}
		r.isQuiet(t)
	})
}
