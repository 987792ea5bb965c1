package dom0_test

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// A spoiler makes an answer what it must not be.
type spoiler struct {
	name, method, qube string
	spoil              func(answer []byte) []byte
}

// replace spoils one value, which is there once.
func replace(pattern, by string) func([]byte) []byte {
	re := regexp.MustCompile(`(?m)` + pattern)
	return func(answer []byte) []byte { return re.ReplaceAll(answer, []byte(by)) }
}

func always(text string) func([]byte) []byte {
	return func([]byte) []byte { return []byte(text) }
}

// spoilers are answers that no qubesd should give. kernelopts may hold any
// printable character, of which dom0 escapes the line feed and the backslash
// only (qubes-core-admin, qubes/__init__.py, sanitize, and qubes/api/admin.py,
// _property_get_all): the other separators of lines reach the script.
func spoilers() (all []spoiler) {
	const list, properties = "admin.vm.List+", "admin.vm.property.GetAll+"
	for _, of := range []struct{ method, qube string }{{list, "dom0"}, {properties, "work"}} {
		name := of.method + of.qube + " "
		all = append(all,
			spoiler{name + "empty", of.method, of.qube, always("")},
			spoiler{name + "refused", of.method, of.qube, always("2\x00QubesDaemonAccessError\x00\x00no\x00")},
			spoiler{name + "half a refusal", of.method, of.qube, always("2\x00Qubes")},
			spoiler{name + "one byte", of.method, of.qube, always("0")},
			spoiler{name + "nothing in it", of.method, of.qube, always("0\x00")},
			spoiler{name + "not text", of.method, of.qube, always("0\x00\x00\x01\xff\n\n \n=\n")},
			spoiler{name + "half", of.method, of.qube, func(answer []byte) []byte { return answer[:len(answer)/2] }},
			spoiler{name + "huge", of.method, of.qube, func(answer []byte) []byte { return append(answer, bytes.Repeat([]byte("x"), 2<<20)...) }},
		)
	}
	return append(all,
		spoiler{"a name is not ASCII", list, "dom0", replace(`^work `, "w\xc3\xb6rk ")},
		spoiler{"a name is gone", list, "dom0", replace(`^work `, " ")},
		spoiler{"a label is not ASCII", properties, "work", replace(`type=label blue$`, "type=label bl\xfce")},
		spoiler{"an address is not ASCII", properties, "work", replace(`^(ip .*) 10.137.0.6$`, "$1 10.137.0.\xb2")},
		spoiler{"an address is none", properties, "work", replace(`^(ip .*) 10.137.0.6$`, "$1 10.137.0.")},
		spoiler{"a template is not ASCII", properties, "work", replace(`^(template .*) debian.*$`, "$1 d\xe9bian")},
		spoiler{"a class is none", properties, "work", replace(`AppVM$`, "App")},
		spoiler{"a domain id is no number", properties, "work", replace(`^(xid .*) 4$`, "$1 four")},
		spoiler{"a domain id is cut off", properties, "personal", replace(`^(xid .*) -1$`, "$1 -")},
		spoiler{"a domain id is too large", properties, "work", replace(`^(xid .*) 4$`, "$1 99999999999999999999")},
		spoiler{"a domain id is not ASCII", properties, "work", replace(`^(xid .*) 4$`, "$1 \xb2")},
		spoiler{"a property has no value", properties, "work", replace(`^ip default=True type=str .*$`, "ip")},
	)
}

// TestHostile checks that no answer ends the script or makes it push what the
// logging qube refuses (see rig.check), and that it goes on when all is well.
func TestHostile(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		for _, tt := range spoilers() {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, release, dom0.Behaviour{})
				stream, _ := r.begin(t)
				r.qubesd.Spoil(func(method, name string, answer []byte) []byte {
					if method == tt.method && name == tt.qube {
						return tt.spoil(answer)
					}
					return answer
				})
				r.tell(t, stream, dom0.Established(t)) // which makes the script ask for everything
				r.run.Within(t, silence)
				r.qubesd.Spoil(nil)
				r.goesOn(t, stream)
			})
		}
	})
}
