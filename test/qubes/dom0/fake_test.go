package dom0_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFake checks that the fake qubesd answers to the byte what the real one did.
func TestFake(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		w := newWorld(t, release)
		tests := []struct{ file, method, qube string }{
			{"api-admin.vm.List.bin", "admin.vm.List+", "dom0"},
			{"api-admin.vm.tag.List@work.bin", "admin.vm.tag.List+", "work"},
			{"api-unknown-vm.bin", "admin.vm.property.GetAll+", "no-such-qube"},
		}
		for name := range w.answers {
			tests = append(tests, struct{ file, method, qube string }{"api-admin.vm.property.GetAll@" + name + ".bin", "admin.vm.property.GetAll+", name})
		}
		for _, tt := range tests {
			if diff := cmp.Diff(string(printed(t, release, tt.file)), w.answerTo(tt.method, tt.qube)); diff != "" {
				t.Errorf("%s mismatch (-real +fake):\n%s", tt.file, diff)
			}
		}
	})
}

// TestFake_made checks that the fake, which has no real answers for the other
// qubes, makes them from qvm-ls as those that it has, and an address of a
// disposable as dom0 does.
func TestFake_made(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		w := newWorld(t, release)
		for name, q := range w.qubes {
			if q.class == "DispVM" && q.netvm != "" && strings.HasPrefix(name, "disp") {
				if made := disposable(name); made.ip != q.ip || made.ip6 != q.ip6 {
					t.Errorf("%s would have %s and %s; want %s and %s", name, made.ip, made.ip6, q.ip, q.ip6)
				}
			}
			for _, line := range lines([]byte(w.answerTo("admin.vm.property.GetAll+", name))) {
				if strings.Count(line, " ") < 3 || !strings.Contains(line, " default=") || !strings.Contains(line, " type=") {
					t.Errorf("%s: %q is no property", name, line)
				}
			}
		}
	})
}
