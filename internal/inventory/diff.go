package inventory

import (
	"cmp"
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// diff returns the changes from one set of qubes to another, sorted by name, and of one name those that vanished first.
func diff(before, after []*qube.Qube, at time.Time) (changes []Change) {
	was := match(before, after)
	gone := make(map[*qube.Qube]bool, len(before))
	for _, old := range before {
		gone[old] = true
	}

	for _, now := range after {
		old := was[now]
		delete(gone, old)

		if old == nil {
			changes = append(changes, Change{At: at, Kind: Appeared, After: now})
		} else if fields := differences(old, now); len(fields) > 0 {
			changes = append(changes, Change{At: at, Kind: Changed, Before: old, After: now, Fields: fields})
		}
	}

	for old := range gone {
		changes = append(changes, Change{At: at, Kind: Vanished, Before: old})
	}

	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Name(), b.Name()), cmp.Compare(a.Kind, b.Kind))
	})
	return changes
}

// match maps each qube of after to its predecessor in before, if it has one. Qubes with the same UUID are the same,
// whatever their names; qubes with the same name are, unless their UUIDs differ.
func match(before, after []*qube.Qube) map[*qube.Qube]*qube.Qube {
	byUUID := make(map[string]*qube.Qube, len(before))
	byName := make(map[string]*qube.Qube, len(before))
	for _, old := range before {
		byName[old.Name] = old
		if isIdentity(old.UUID) {
			byUUID[old.UUID] = old
		}
	}

	was := make(map[*qube.Qube]*qube.Qube, len(after))
	taken := make(map[*qube.Qube]bool, len(before))
	for _, now := range after {
		if old := byUUID[now.UUID]; old != nil {
			was[now], taken[old] = old, true
		}
	}

	for _, now := range after {
		if old := byName[now.Name]; was[now] == nil && old != nil && !taken[old] && sameQube(old, now) {
			was[now] = old
		}
	}
	return was
}

// sameQube reports whether a and b are the same qube at different times: by UUID if both have one, otherwise by name.
func sameQube(a, b *qube.Qube) bool {
	if isIdentity(a.UUID) && isIdentity(b.UUID) {
		return a.UUID == b.UUID
	}
	return a.Name == b.Name
}

// differences returns the names of the fields in which a and b differ, in the order that Change documents.
func differences(a, b *qube.Qube) (fields []string) {
	if a == b {
		return nil
	}

	for _, f := range []struct {
		name   string
		differ bool
	}{
		{"name", a.Name != b.Name},
		{"class", a.Class != b.Class},
		{"state", a.State != b.State},
		{"label", a.Label != b.Label},
		{"netvm", a.NetVM != b.NetVM},
		{"template", a.Template != b.Template},
		{"ip", a.IP != b.IP},
		{"ip6", a.IP6 != b.IP6},
		{"provides_network", a.ProvidesNetwork != b.ProvidesNetwork},
		{"xid", a.XID != b.XID},
		{"stubdom_xid", a.StubXID != b.StubXID},
		{"uuid", a.UUID != b.UUID},
		{"tags", !slices.Equal(a.Tags, b.Tags)},
		{"exit", a.Exit != b.Exit},
	} {
		if f.differ {
			fields = append(fields, f.name)
		}
	}
	return fields
}
