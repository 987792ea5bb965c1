package dom0

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// releases are those of which there are answers.
var releases = [...]string{"r4.2", "r4.3"}

// TestWorld checks that the fake qubesd answers to the byte what the real one did.
func TestWorld(t *testing.T) {
	t.Parallel()
	for _, release := range releases {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			w := NewWorld(t, release)
			tests := []struct{ file, method, qube string }{
				{"api-admin.vm.List.bin", "admin.vm.List+", "dom0"},
				{"api-admin.vm.tag.List@work.bin", "admin.vm.tag.List+", "work"},
				{"api-unknown-vm.bin", "admin.vm.property.GetAll+", "no-such-qube"},
			}
			for name := range w.answers {
				tests = append(tests, struct{ file, method, qube string }{"api-admin.vm.property.GetAll@" + name + ".bin", "admin.vm.property.GetAll+", name})
			}
			for _, tt := range tests {
				if diff := cmp.Diff(string(Printed(t, release, tt.file)), w.AnswerTo(tt.method, tt.qube)); diff != "" {
					t.Errorf("%s mismatch (-real +fake):\n%s", tt.file, diff)
				}
			}
		})
	}
}

// TestWorld_made checks that the fake, which has no real answers for the other
// qubes, makes them from qvm-ls as those that it has, and an address of a
// disposable as dom0 does.
func TestWorld_made(t *testing.T) {
	t.Parallel()
	for _, release := range releases {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			w := NewWorld(t, release)
			for name, q := range w.Qubes {
				if q.Class == "DispVM" && q.NetVM != "" && strings.HasPrefix(name, "disp") {
					if made := Disposable(name); made.IP != q.IP || made.IP6 != q.IP6 {
						t.Errorf("%s would have %s and %s; want %s and %s", name, made.IP, made.IP6, q.IP, q.IP6)
					}
				}
				for _, line := range lines([]byte(w.AnswerTo("admin.vm.property.GetAll+", name))) {
					if strings.Count(line, " ") < 3 || !strings.Contains(line, " default=") || !strings.Contains(line, " type=") {
						t.Errorf("%s: %q is no property", name, line)
					}
				}
			}
		})
	}
}

// TestWorld_of checks that a machine without real answers says what was given, and what
// every qube has.
func TestWorld_of(t *testing.T) {
	t.Parallel()
	w := NewWorldOf(Qube{Name: "sys-net", Class: "AppVM", Provides: "True", XID: "1"}, Qube{Name: "work", Class: "AppVM", NetVM: "sys-net", IP: "10.137.0.6", XID: "4"})
	w.Tag("work", "audited")
	for call, want := range map[[2]string]string{
		{"admin.vm.List+", "dom0"}:                 "dom0 class=AdminVM state=Running uuid=\nsys-net class=AppVM state= uuid=\nwork class=AppVM state= uuid=\n",
		{"admin.vm.tag.List+", "work"}:             "audited\n",
		{"admin.vm.property.GetAll+", "work"}:      "netvm default=False type=vm sys-net\n",
		{"admin.vm.property.GetAll+", "sys-net"}:   "xid default=False type=int 1\n",
		{"admin.vm.property.GetAll+", "not-there"}: "2\x00QubesVMNotFoundError\x00",
	} {
		if got := w.AnswerTo(call[0], call[1]); !strings.Contains(got, want) {
			t.Errorf("%s = %q; want %q in it", call, got, want)
		}
	}
}
