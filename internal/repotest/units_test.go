package repotest_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestAttack18_units holds that the unit is in no group that polkit or qrexec trusts and
// reaches no bus, and that only the analyzers are ended when memory runs out.
func TestAttack18_units(t *testing.T) {
	for _, tt := range []struct {
		file      string
		want, not []string
	}{
		{"packaging/qube/qubesbeat.service", []string{`(?m)^InaccessiblePaths=.*-/run/dbus`, `(?m)^OOMPolicy=continue$`, `(?m)^KillMode=mixed$`, `(?m)^NoNewPrivileges=yes$`,
			`(?m)^ExecReload=/bin/sh -c 'kill -HUP \$MAINPID'$`, `(?m)^MemoryMax=400M$`, `(?m)^ProtectSystem=strict$`}, []string{`(?m)^SupplementaryGroups=`, `@chown`}},
		{"packaging/qube/rpc-config", []string{`(?m)^force-user='root'$`}, nil},
		{"packaging/dom0/qubesbeat-inventory.service", []string{`(?m)^CapabilityBoundingSet=$`, `(?m)^SystemCallFilter=@system-service$`,
			`(?m)^MemoryDenyWriteExecute=yes$`, `(?m)^RestrictAddressFamilies=AF_UNIX$`}, nil},
	} {
		text, err := os.ReadFile("../../" + tt.file)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range tt.want {
			if !regexp.MustCompile(want).Match(text) {
				t.Errorf("%s has no %s", tt.file, strings.TrimPrefix(want, "(?m)"))
			}
		}
		for _, not := range tt.not {
			if regexp.MustCompile(not).Match(text) {
				t.Errorf("%s has %s", tt.file, strings.TrimPrefix(not, "(?m)"))
			}
		}
	}
}
