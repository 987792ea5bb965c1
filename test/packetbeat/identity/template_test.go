package identity_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// names are the two that everything is exported under.
var names = []string{packetbeat, qubesbeat}

// TestTemplate_name checks what index, policy and pattern are called.
func TestTemplate_name(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := ofName(t, name)
			got, in := exportTemplate(p), name+"-"+version
			if !slices.Equal(got.IndexPatterns, []string{in}) || got.Priority != 150 || got.DataStream == nil {
				t.Errorf("patterns %q, priority %d; want %s, 150 and a data stream", got.IndexPatterns, got.Priority, in)
			}
			if meta := got.Template.Mappings.Meta; meta.Beat != name || meta.Version != version {
				t.Errorf("_meta = %+v; want %s, %s", meta, name, version)
			}
			if policy := got.Template.Settings.Index.Lifecycle.Name; policy != name {
				t.Errorf("lifecycle policy = %q; want %q", policy, name)
			}
			p.must("export", "template", "--dir", "exported")
			p.must("export", "ilm-policy", "--dir", "exported")
			p.must("export", "index-pattern")
			want := []string{"exported/policy/" + name + ".json", "exported/template/" + in + ".json"}
			var have []string
			for _, file := range p.glob("exported/*/*") {
				rel, err := filepath.Rel(p.dir, file)
				if err != nil {
					t.Fatal(err)
				}
				have = append(have, rel)
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("exported files: mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTemplate_policy checks packetbeat's lifecycle policy.
func TestTemplate_policy(t *testing.T) {
	t.Parallel()
	const rollover = `{"policy":{"phases":{"hot":{"actions":{"rollover":{"max_age":"30d","max_primary_shard_size":"50gb"}}}}}}`
	var want any
	if err := json.Unmarshal([]byte(rollover), &want); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		var got any
		ofName(t, name).decode(&got, "export", "ilm-policy")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: mismatch (-want +got):\n%s", name, diff)
		}
	}
}

// TestTemplate_fields checks that every field of packetbeat has packetbeat's type,
// that ours have the type of our fields.yml, and that there are no more than the
// template's limit.
func TestTemplate_fields(t *testing.T) {
	t.Parallel()
	theirs, own := packetbeatFields(t).inTemplate(), ownFields(t).inTemplate()
	want := maps.Clone(theirs)
	for name, kind := range own {
		if have, ok := theirs[name]; ok && have != kind && kind != "flattened" && have != "" { // see docs/packetbeat-compat.md
			t.Errorf("fields.yml makes %s %s; packetbeat's is %s", name, kind, have)
		}
		want[name] = kind
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			template := exportTemplate(ofName(t, name))
			got, count := template.fields()
			for _, field := range slices.Sorted(maps.Keys(want)) {
				if got[field] != want[field] && !(want[field] == "object" && template.isFolder(got, field)) {
					t.Errorf("%s is %q; want %q", field, got[field], want[field])
				}
			}
			for _, field := range slices.Sorted(maps.Keys(got)) {
				if _, ok := want[field]; !ok && got[field] != "nested" {
					t.Errorf("%s (%s) is in the template and in no fields.yml", field, got[field])
				}
			}
			limit := template.Template.Settings.Index.Mapping.TotalFields.Limit
			if limit != 12500 || count >= limit {
				t.Errorf("%d fields with limit %d; want less than 12500", count, limit)
			}
			t.Logf("%d fields of packetbeat, %d of ours, %d with objects and multi-fields of %d", len(theirs), len(own), count, limit)
		})
	}
}

// isFolder reports whether a field without a type of its own has fields below, or
// a dynamic template for them.
func (t *template) isFolder(m mapping, name string) bool {
	for field := range m {
		if len(field) > len(name) && field[:len(name)+1] == name+"." {
			return true
		}
	}
	return t.explicit(m, name+".x")
}

// TestTemplate_own checks the types of some fields that matter, in words that do
// not come from fields.yml.
func TestTemplate_own(t *testing.T) {
	t.Parallel()
	got, _ := exportTemplate(ofName(t, packetbeat)).fields()
	for field, want := range map[string]string{
		"qube.name": "keyword", "qube.ip": "ip", "qube.xid": "long", "source.qube.name": "keyword", "destination.qube.label": "keyword",
		"flow.tcp.rst": "boolean", "flow.tcp.flags": "keyword", "flow.tcp.syn_count": "long", "flow.end_reason": "keyword",
		"flow.tunnel.source.ip": "ip", "stats.capture.frames": "long", "stats.last": "boolean", "stats.transactions.panics": "long",
		"inventory.previous.ip": "ip", "flow.id": "keyword", "flow.final": "boolean", "flow.vlan": "long",
		"source.bytes": "long", "source.ip": "ip", "source.mac": "keyword", "event.duration": "long", "client.geo.location": "geo_point",
		"dns.question.name": "keyword", "http.response.status_code": "long", "@timestamp": "date", "network.community_id": "keyword",
	} {
		if got[field] != want {
			t.Errorf("%s is %q; want %q", field, got[field], want)
		}
	}
}

// inKibana is what libbeat tells Kibana that a type is. It has no word for some
// of Elasticsearch's newer types; Kibana finds those out by itself.
var inKibana = map[string]string{
	"keyword": "string", "text": "string", "wildcard": "", "match_only_text": "", "long": "number", "integer": "number", "float": "number",
	"double": "number", "half_float": "number", "scaled_float": "number", "short": "number", "ip": "ip", "boolean": "boolean",
	"date": "date", "geo_point": "geo_point",
}

// TestIndexPattern_fields checks that Kibana's index pattern has packetbeat's fields
// and ours, and its name.
func TestIndexPattern_fields(t *testing.T) {
	t.Parallel()
	fields := maps.Clone(packetbeatFields(t))
	maps.Copy(fields, ownFields(t))
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := ofName(t, name)
			pattern := exportIndexPattern(p)
			if pattern.ID != name+"-*" || pattern.Type != "index-pattern" || pattern.Attributes.Title != name+"-*" || pattern.Attributes.TimeFieldName != "@timestamp" {
				t.Errorf("%s %q, titled %q by %s; want an index-pattern %s-* by @timestamp",
					pattern.Type, pattern.ID, pattern.Attributes.Title, pattern.Attributes.TimeFieldName, name)
			}
			if !strings.Contains(pattern.Attributes.FieldFormatMap, `"qubesbeat.dns.upstream.duration":{"id":"duration"`) {
				t.Error("the time that upstreams took is shown in nanoseconds")
			}
			got, checked := pattern.types(t), 0
			for field, kind := range fields {
				want, ok := inKibana[kind]
				if !ok {
					continue
				}
				checked++
				if got[field] != want {
					t.Errorf("%s (%s) is %q; want %q", field, kind, got[field], want)
				}
			}
			t.Logf("%d of %d fields of the pattern compared", checked, len(got))
		})
	}
}

// TestShipped_kibana checks that the dashboards in the binary that are not our own are
// packetbeat's, byte for byte.
func TestShipped_kibana(t *testing.T) {
	t.Parallel()
	want, got := map[string]string{}, unzip(t, fixture.Repository(t, "kibana.zip.zst"))
	root := fixture.Beats(t, "packetbeat/_meta/kibana")
	for _, kind := range []string{"dashboard", "search", "visualization"} {
		files, err := filepath.Glob(filepath.Join(root, "7", kind, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want["7/"+kind+"/"+filepath.Base(file)] = string(data)
		}
	}
	for _, id := range ownDashboards {
		delete(got, "7/dashboard/"+id+".json")
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("files: mismatch (-want +got):\n%s", diff)
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s differs from packetbeat's", name)
		}
	}
	t.Logf("%d files", len(want))
}
