package dom0_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// TestTag checks that exactly the selected tags are pushed.
func TestTag(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want map[string][]string
	}{
		{"none", nil, map[string][]string{}},
		{"one", []string{"--tag", "client-acme"}, map[string][]string{"work": {"client-acme"}}},
		{"two", []string{"--tag", "client-acme", "--tag", "audited"}, map[string][]string{
			"work": {"audited", "client-acme"}, "banking": {"audited"},
		}},
		{"a tag that no qube has", []string{"--tag", "client"}, map[string][]string{}},
	}
	eachRelease(t, func(t *testing.T, release string) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, release, dom0.Behaviour{})
				for _, name := range []string{"work", "banking", "vault"} {
					r.world.Tag(name, "audited")
				}
				_, p := r.begin(t, tt.args...)
				got := map[string][]string{}
				for _, q := range parse(t, p) {
					if len(q.Tags) > 0 {
						got[q.Name] = q.Tags
					}
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("tags mismatch (-want +got):\n%s", diff)
				}
				if bytes.Contains(p.Text, []byte("created-by-dom0")) {
					t.Errorf("a tag that was not asked for is sent: %s", p.Text)
				}
			})
		}
	})
}

// TestTag_event checks that a selected tag is pushed when it is added.
func TestTag_event(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		r := newRig(t, release, dom0.Behaviour{})
		stream, _ := r.begin(t, "--tag", "audited")
		r.tell(t, stream, dom0.Made(t, "personal", "domain-tag-add:audited", "tag", "audited"))
		for _, q := range parse(t, r.nextChange(t)) {
			if (len(q.Tags) > 0) != (q.Name == "personal") {
				t.Errorf("the tags of %s = %q", q.Name, q.Tags)
			}
		}
	})
}
