package packets

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// TestExcluded stores what is included and not excluded; a qube that is not known only if
// all are.
func TestExcluded(t *testing.T) {
	t.Parallel()
	work := &qube.Qube{Name: "work-mail", Label: "blue", Class: "AppVM", Tags: []string{"client-acme"}}
	anon := &qube.Qube{Name: "anon-whonix", Label: "red", Class: "AppVM", Tags: []string{"anon-vm", "created-by-dom0"}}
	disp := &qube.Qube{Name: "disp1", Label: "red", Class: "DispVM"}
	one := func(s config.Selector) []config.Selector { return []config.Selector{s} }
	for _, tt := range []struct {
		name                        string
		include, exclude            []config.Selector
		work, anon, disp, anonymous bool // whether each is stored; anonymous is one that is not known
	}{
		{"default", nil, nil, true, false, true, true},
		{"nothing excluded", nil, []config.Selector{}, true, true, true, true},
		{"pattern", one(config.Selector{Qubes: []string{"work-*"}}), nil, true, false, false, false},
		{"name is not a prefix", one(config.Selector{Qubes: []string{"work"}}), nil, false, false, false, false},
		{"label", one(config.Selector{Labels: []string{"red"}}), nil, false, false, true, false},
		{"class", one(config.Selector{Classes: []string{"AppVM"}}), nil, true, false, false, false},
		{"tag", one(config.Selector{Tags: []string{"client-acme"}}), nil, true, false, false, false},
		{"one condition is enough", one(config.Selector{Tags: []string{"client-acme"}, Labels: []string{"red"}}), nil, true, false, true, false},
		{"two entries", append(one(config.Selector{Qubes: []string{"work-mail"}}), config.Selector{Qubes: []string{"disp*"}}), nil, true, false, true, false},
		{"exclude wins", one(config.Selector{Classes: []string{"AppVM"}}), one(config.Selector{Labels: []string{"blue"}}), false, true, false, false},
		{"broken pattern", one(config.Selector{Qubes: []string{"work-["}}), nil, false, false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &config.Packets{Include: tt.include, Exclude: tt.exclude}
			for _, one := range []struct {
				name string
				q    *qube.Qube
				want bool
			}{{"work-mail", work, tt.work}, {"anon-whonix", anon, tt.anon}, {"disp1", disp, tt.disp}, {"unknown", nil, tt.anonymous}} {
				if got := !excluded(c, one.q); got != one.want {
					t.Errorf("%s is stored: %v; want %v", one.name, got, one.want)
				}
			}
		})
	}
}

// TestQuotaOf takes the first entry that fits.
func TestQuotaOf(t *testing.T) {
	t.Parallel()
	c := &config.Packets{Quotas: []config.PacketQuota{{Qubes: []string{"work"}, Quota: 1}, {Labels: []string{"red"}, Quota: 2}, {Quota: 3}}}
	for _, tt := range []struct {
		q    *qube.Qube
		want config.Size
	}{{&qube.Qube{Name: "work", Label: "red"}, 1}, {&qube.Qube{Name: "x", Label: "red"}, 2}, {&qube.Qube{Name: "x"}, 3}, {nil, 3}} {
		if got := quotaOf(c, tt.q); got.Quota != tt.want {
			t.Errorf("quota of %+v = %d; want %d", tt.q, got.Quota, tt.want)
		}
	}
	if got := quotaOf(&config.Packets{}, nil); got != nil {
		t.Errorf("quota without entries = %+v; want none", got)
	}
}
