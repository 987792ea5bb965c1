package inventory_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// changeLine returns a change in one line: kind, name before and after, fields.
func changeLine(c inventory.Change) string {
	name := func(q *qube.Qube) string {
		if q == nil {
			return "-"
		}

		return q.Name
	}

	return fmt.Sprintf("%v %s>%s %s", c.Kind, name(c.Before), name(c.After), strings.Join(c.Fields, ","))
}

const (
	uuidA = "2a0d7e73-f517-519e-9535-35d779a1a0be"
	uuidB = "2d7147a1-e3bc-524d-80bb-7f557e1ce4ce"
	uuid0 = "00000000-0000-0000-0000-000000000000"
)

// named returns a qube with a UUID.
func named(name, uuid string) qube.Qube { return qube.Qube{Name: name, UUID: uuid, XID: -1} }

func TestIndex_Update_changes(t *testing.T) {
	t.Parallel()

	all := workQube()
	all.Tags, all.ProvidesNetwork, all.Exit = []string{"x"}, true, qube.ExitTor

	tests := []struct {
		name          string
		before, after []qube.Qube
		want          []string
	}{
		{name: "nothing", before: []qube.Qube{all}, after: []qube.Qube{all}},
		{
			name:   "all kinds, by name",
			before: []qube.Qube{client("c", 3, 3), client("b", 2, 2)},
			after:  []qube.Qube{client("d", 4, 4), client("b", 5, 6), client("a", 1, 1)},
			want:   []string{"appeared ->a ", "changed b>b ip,xid", "vanished c>- ", "appeared ->d "},
		},
		{
			name:   "every field",
			before: []qube.Qube{{Name: "a", XID: -1, UUID: all.UUID}},
			after:  []qube.Qube{all},
			want:   []string{"changed a>work name,class,state,label,netvm,template,ip,ip6,provides_network,xid,tags,exit"},
		},
		{
			name:   "renamed",
			before: []qube.Qube{named("old", uuidA)},
			after:  []qube.Qube{named("new", uuidA)},
			want:   []string{"changed old>new name"},
		},
		{
			name:   "renamed without a UUID",
			before: []qube.Qube{named("old", "")},
			after:  []qube.Qube{named("new", "")},
			want:   []string{"appeared ->new ", "vanished old>- "},
		},
		{
			name:   "zeros identify nothing",
			before: []qube.Qube{named("old", uuid0)},
			after:  []qube.Qube{named("new", uuid0)},
			want:   []string{"appeared ->new ", "vanished old>- "},
		},
		{
			name:   "names swapped",
			before: []qube.Qube{named("a", uuidA), named("b", uuidB)},
			after:  []qube.Qube{named("a", uuidB), named("b", uuidA)},
			want:   []string{"changed b>a name", "changed a>b name"},
		},
		{
			name:   "recreated",
			before: []qube.Qube{named("a", uuidA)},
			after:  []qube.Qube{named("a", uuidB)},
			want:   []string{"vanished a>- ", "appeared ->a "},
		},
		{
			name:   "renamed, and another one has the name",
			before: []qube.Qube{named("a", uuidA)},
			after:  []qube.Qube{named("a", ""), named("b", uuidA)},
			want:   []string{"appeared ->a ", "changed a>b name"},
		},
		{
			name:   "UUID learnt",
			before: []qube.Qube{named("a", "")},
			after:  []qube.Qube{named("a", uuidA)},
			want:   []string{"changed a>a uuid"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			index := inventory.NewIndex(inventory.Config{})
			if first := index.Update(snapshot(tt.before...), clock(0)); len(first) != len(tt.before) {
				t.Errorf("first Update = %d changes; want %d", len(first), len(tt.before))
			}

			var got []string
			for _, c := range index.Update(snapshot(tt.after...), clock(1)) {
				got = append(got, changeLine(c))

				if !c.At.Equal(clock(1)) {
					t.Errorf("At = %v; want %v", c.At, clock(1))
				}
			}

			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Update mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKind_String(t *testing.T) {
	t.Parallel()

	if got := inventory.Kind(0).String(); got != "unknown" {
		t.Errorf("String = %s; want unknown", got)
	}
}
