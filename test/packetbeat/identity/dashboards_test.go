package identity_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// object is a saved object of Kibana: a dashboard, a search, a visualization.
type object struct {
	ID, Type   string
	Attributes map[string]any
	References []reference

	raw json.RawMessage // as it was imported
}

type reference struct{ ID, Type, Name string }

// packetbeatObjects returns those of packetbeat by type and id.
func packetbeatObjects(t testing.TB) map[string]*object {
	t.Helper()
	files, err := filepath.Glob(fixture.Beats(t, "packetbeat/_meta/kibana/7/*/*.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*object{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		o := &object{}
		if err := json.Unmarshal(data, o); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[o.Type+"/"+o.ID] = o
	}
	return all
}

// reachable returns the names of the objects that are dashboards, or that one
// shows.
func reachable(t testing.TB, all map[string]*object) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	var visit func(from, name string)
	visit = func(from, name string) {
		if all[name] == nil {
			t.Errorf("%s shows %s, which is not there", from, name)
			return
		}
		if seen[name] {
			return
		}
		seen[name] = true
		for _, r := range all[name].References {
			if r.Type != "index-pattern" {
				visit(name, r.Type+"/"+r.ID)
			}
		}
	}
	for name, o := range all {
		if o.Type == "dashboard" {
			visit("", name)
		}
	}
	return seen
}

// used collects the fields that an object names, and who names them.
type used map[string][]string

// embedded are the attributes that are JSON, often as a string.
var embedded = []string{"visState", "searchSourceJSON", "panelsJSON", "uiStateJSON", "optionsJSON"}

// queried finds the fields in a query in Kibana's or Lucene's language.
var queried = regexp.MustCompile(`([\w@][\w.@]*)\s*(?::|<=|>=|<|>)`)

// read looks through a part of an object.
func (u used) read(t testing.TB, who, key string, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		u.readMap(t, who, key, v)
	case []any:
		u.readList(t, who, key, v)
	case string:
		u.readString(t, who, key, v)
	}
}

func (u used) readString(t testing.TB, who, key, s string) {
	t.Helper()
	switch {
	case slices.Contains(embedded, key):
		var inner any
		if err := json.Unmarshal([]byte(s), &inner); err != nil {
			t.Fatalf("%s: %s: %v", who, key, err)
		}
		u.read(t, who, "", inner)
	case key == "field" || key == "terms_field" || key == "time_field":
		u.add(who, s)
	case key == "query":
		for _, m := range queried.FindAllStringSubmatch(s, -1) {
			u.add(who, m[1])
		}
	}
}

func (u used) readList(t testing.TB, who, key string, list []any) {
	t.Helper()
	for i, one := range list {
		name, isName := one.(string)
		switch {
		case isName && (key == "columns" || key == "sort" && i == 0):
			u.add(who, name)
		default:
			u.read(t, who, key, one) // sort may be a list of lists
		}
	}
}

func (u used) readMap(t testing.TB, who, key string, m map[string]any) {
	t.Helper()
	switch key {
	case "match", "match_phrase", "range", "term", "terms": // of a filter: the key is a field
		for field := range m {
			u.add(who, field)
		}
		return
	case "meta": // of a filter
		if field, ok := m["key"].(string); ok && m["type"] != "custom" {
			u.add(who, field)
		}
		return
	}
	for k, v := range m {
		u.read(t, who, k, v)
	}
}

func (u used) add(who, field string) {
	if field != "" && field != "_source" && field != "_score" && !slices.Contains(u[field], who) {
		u[field] = append(u[field], who)
	}
}

// dashboardFields returns the fields that packetbeat's dashboards, and what they
// show, are made of.
func dashboardFields(t testing.TB) used {
	t.Helper()
	all := packetbeatObjects(t)
	u, count := used{}, map[string]int{}
	for name := range all {
		u.read(t, name, "", all[name].Attributes)
		count[all[name].Type]++
	}
	if len(u) < 50 || count["dashboard"] != 13 {
		t.Fatalf("%d fields in %d dashboards; want many in 13", len(u), count["dashboard"])
	}
	shown := reachable(t, all)
	t.Logf("%d dashboards, %d searches, %d visualizations (%d objects in use) with %d fields",
		count["dashboard"], count["search"], count["visualization"], len(shown), len(u))
	return u
}

// TestDashboards_fields checks that the fields of packetbeat's dashboards are in
// the template, with packetbeat's type. A dashboard may name a field that
// packetbeat's own template does not have either.
func TestDashboards_fields(t *testing.T) {
	t.Parallel()
	fields, theirs := dashboardFields(t), packetbeatFields(t).inTemplate()
	got, _ := exportTemplate(ofName(t, packetbeat)).fields()
	var nobody []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if got[name] != theirs[name] {
			t.Errorf("%s is %q; want %q, as %v needs it", name, got[name], theirs[name], fields[name])
		}
		if theirs[name] == "" {
			nobody = append(nobody, name)
		}
	}
	t.Logf("in no template, packetbeat's own included: %q", nobody)
}

// TestDashboards_events checks that those fields that packetbeat's events have are
// in ours, with the same JSON type.
func TestDashboards_events(t *testing.T) {
	t.Parallel()
	theirs, ours := typesOf(baseline(t)), typesOf(allEvents(t))
	fields, compared := dashboardFields(t), 0
	var absent []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch {
		case theirs[name] == nil:
			absent = append(absent, name)
		case theirs[name].String() != ours[name].String():
			t.Errorf("%s is %s; want %s, as %v needs it", name, ours[name], theirs[name], fields[name])
		default:
			compared++
		}
	}
	t.Logf("%d fields have the same type in the events of both; in no event of packetbeat's: %q", compared, absent)
}
