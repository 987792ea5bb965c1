package dom0_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// A secret is a qube whose name must not be pushed, and where it would appear.
type secret struct{ name, qube string }

func secrets() []secret {
	return []secret{
		{"a qube", "work"},
		{"a netvm of another", "sys-fw2"},
		{"a disposable", "disp1234"},
		{"the disposable template of others", "default-dvm"},
		{"the template of others", "debian-12-minimal"},
	}
}

// TestPseudonym checks that the name of a qube with the tag is nowhere in the list.
func TestPseudonym(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		for _, tt := range secrets() {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, release, dom0.Behaviour{})
				r.world.Tag(tt.qube, "hidden")
				_, p := r.begin(t, "--pseudonym", "hidden", "--tag", "hidden", "--salt", r.salt(t, "salt", strings.Repeat("s", 32)))
				for _, place := range mentions(t, p.Text, tt.qube) {
					t.Errorf("%s is named: %s", tt.qube, place)
				}
				hasPseudonyms(t, parse(t, p), expect(t, r.world.Qubes, "sys-log"), tt.qube)
			})
		}
	})
}

// mentions returns where a name is in the values of a list; in keys it may be by chance.
func mentions(t *testing.T, text []byte, name string) (places []string) {
	t.Helper()
	var whole struct{ Qubes []map[string]any }
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	for _, q := range whole.Qubes {
		for key, value := range q {
			if strings.Contains(fmt.Sprint(value), name) {
				places = append(places, fmt.Sprintf("%s of %v is %v", key, q["name"], value))
			}
		}
	}
	slices.Sort(places)
	return places
}

// hasPseudonyms checks that a list has as many qubes as without pseudonyms, and
// that each name in it which was not expected is one that a qube could have.
func hasPseudonyms(t *testing.T, got, want []qube.Qube, hidden string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d qubes; want %d", len(got), len(want))
	}
	expected := map[string]qube.Qube{}
	for _, q := range want {
		expected[q.Name] = q
	}
	for _, q := range got {
		if !slices.ContainsFunc(got, func(to qube.Qube) bool { return q.NetVM == "sys-log" || q.NetVM == to.Name }) {
			t.Errorf("the netvm of %s is %s, which is not in the list", q.Name, q.NetVM)
		}
		if _, ok := expected[q.Name]; ok {
			continue
		}
		if err := qube.ValidName(q.Name); err != nil || q.Template != "" || len(q.Tags) > 0 || q.IP != expected[hidden].IP {
			t.Errorf("the pseudonym is %+v (%v); want it valid, with the address of %s, without template and tags", q, err, hidden)
		}
	}
}

// TestPseudonym_tagged checks that a tag counts from the moment it is given.
func TestPseudonym_tagged(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		r := newRig(t, release, dom0.Behaviour{})
		stream, first := r.begin(t, "--pseudonym", "hidden", "--salt", r.salt(t, "salt", strings.Repeat("s", 16)))
		r.tell(t, stream, dom0.Made(t, "banking", "domain-tag-add:hidden", "tag", "hidden"))
		if p := r.nextChange(t); len(mentions(t, p.Text, "banking")) > 0 {
			t.Errorf("banking is named: %s", p.Text)
		}
		r.tell(t, stream, dom0.Made(t, "banking", "domain-tag-delete:hidden", "tag", "hidden"))
		if p := r.nextChange(t); !bytes.Equal(p.Text, first.Text) {
			t.Errorf("without the tag: %s; want the first push again", p.Text)
		}
	})
}

// TestPseudonym_unknown checks that a qube whose tags are unknown is not
// named: it may be one to hide.
func TestPseudonym_unknown(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{"empty": "", "refused": "2\x00QubesVMNotFoundError\x00\x00No such domain: 'work'\x00"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "r4.3", dom0.Behaviour{})
			r.qubesd.Spoil(func(method, name string, told []byte) []byte {
				if method == "admin.vm.tag.List+" && name == "work" {
					return []byte(answer)
				}
				return told
			})
			stdout, _, _ := r.printed(t, "--pseudonym", "client-acme", "--salt", r.salt(t, "salt", strings.Repeat("s", 32)))
			if places := mentions(t, []byte(stdout), "work"); len(places) > 0 {
				t.Errorf("work, which has the tag, is named: %q", places)
			}
		})
	}
}

// TestGateway checks that a Whonix gateway is pushed, and the qubes behind it are not.
func TestGateway(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		r := newRig(t, release, dom0.Behaviour{})
		r.world.Tag("sys-fw2", "anon-gateway")
		_, p := r.begin(t)
		if places := mentions(t, p.Text, "behind.fw2_a"); len(places) > 0 {
			t.Errorf("behind.fw2_a is named: %v", places)
		}
		if len(mentions(t, p.Text, "sys-fw2")) == 0 {
			t.Error("the gateway itself is not in the list")
		}
	})
}
