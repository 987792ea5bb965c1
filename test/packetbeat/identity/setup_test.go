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

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// setup is a program with an Elasticsearch, a Kibana, a home that is not its
// working folder, and a folder for temporary files that is its own.
type setup struct {
	*program
	elastic *elastic
	kibana  *kibana
	temp    string
}

func newSetup(t testing.TB, name string) *setup {
	t.Helper()
	s := &setup{elastic: newElastic(t), kibana: newKibana(t), temp: t.TempDir()}
	s.program = newProgram(t, name, map[string]string{"home/a.yml": name + ".flows: {}\n" +
		"output.elasticsearch.hosts: ['" + s.elastic.URL + "']\nsetup.kibana.host: '" + s.kibana.URL + "'\n"})
	s.env = []string{"TMPDIR=" + s.temp}
	return s
}

// do runs the program in its home, from elsewhere.
func (s *setup) do(args ...string) beat.Result {
	s.t.Helper()
	return s.raw(append([]string{"--path.home", filepath.Join(s.dir, "home"), "-c", "a.yml"}, args...)...)
}

// check looks at what is the same for every use: it worked, Kibana saw nothing
// that it does not know, and nothing is left behind.
func (s *setup) check(r beat.Result) {
	s.t.Helper()
	if r.Code != 0 {
		s.t.Errorf("exit code %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	for _, fault := range s.kibana.wrong() {
		s.t.Error(fault)
	}
	s.leftovers()
}

func (s *setup) leftovers() {
	s.t.Helper()
	left, err := os.ReadDir(s.temp)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range left {
		s.t.Errorf("%s is left among the temporary files", e.Name())
	}
}

// ids returns the objects that Kibana has, by type and id.
func (k *kibana) ids() []string {
	var all []string
	for _, o := range k.imported() {
		all = append(all, o.Type+"/"+o.ID)
	}
	slices.Sort(all)
	return all
}

// pointElsewhere returns the references to any other index pattern than one.
func (k *kibana) pointElsewhere(pattern string) (wrong []string) {
	for _, o := range k.imported() {
		for _, r := range o.References {
			if r.Type == "index-pattern" && r.ID != pattern {
				wrong = append(wrong, o.Type+"/"+o.ID+" to "+r.ID)
			}
		}
	}
	return wrong
}

// TestSetup_dashboards checks that all of packetbeat's dashboards arrive, and our own, with
// an index pattern, and that they read from that.
func TestSetup_dashboards(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, name)
			s.check(s.do("setup", "--dashboards"))
			pattern := name + "-*"
			want := append(slices.Collect(maps.Keys(packetbeatObjects(t))), "index-pattern/"+pattern)
			for _, id := range ownDashboards {
				want = append(want, "dashboard/"+id)
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, s.kibana.ids()); diff != "" {
				t.Errorf("objects: mismatch (-want +got):\n%s", diff)
			}
			if wrong := s.kibana.pointElsewhere(pattern); len(wrong) > 0 {
				t.Errorf("not to %s: %q", pattern, wrong)
			}
			if other := packetbeat + "-*"; other != pattern {
				for _, o := range s.kibana.imported() {
					if text, err := json.Marshal(o); err != nil || strings.Contains(string(text), other) {
						t.Errorf("%s/%s names %s", o.Type, o.ID, other)
					}
				}
			}
			s.checkOwn(name)
			if puts := s.elastic.got(); len(puts) > 0 {
				t.Errorf("Elasticsearch got %q", slices.Collect(maps.Keys(puts)))
			}
			t.Logf("%d objects", len(s.kibana.imported()))
		})
	}
}

// board is a dashboard of another.
const board = `{"id":"mine","type":"dashboard","attributes":{"title":"Mine","panelsJSON":"[]"},` +
	`"references":[{"id":"packetbeat-*","name":"x","type":"index-pattern"}]}`

// TestSetup_folder checks which dashboards are taken where there are others.
func TestSetup_folder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, beat, file string
		args             []string
		mine             bool
	}{
		{"packetbeat's folder", packetbeat, "home/kibana/7/dashboard/mine.json", nil, true},
		{"in its home, as qubesbeat", qubesbeat, "home/kibana/7/dashboard/mine.json", nil, true},
		{"folder where we happen to be", packetbeat, "kibana/7/dashboard/mine.json", nil, false},
		{"setting", packetbeat, "other/7/dashboard/mine.json", []string{"-E", "setup.dashboards.directory=other"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, tt.beat)
			s.write(tt.file, board)
			s.check(s.do(append([]string{"setup", "--dashboards"}, tt.args...)...))
			ids, pattern := s.kibana.ids(), tt.beat+"-*"
			if tt.mine {
				if !slices.Equal(ids, []string{"dashboard/mine", "index-pattern/" + pattern}) {
					t.Errorf("%d objects, %.40s...; want dashboard/mine and the pattern", len(ids), strings.Join(ids, " "))
				}
			} else if len(ids) != len(packetbeatObjects(t))+len(ownDashboards)+1 {
				t.Errorf("%d objects; want packetbeat's, our own and the pattern", len(ids))
			}
			if wrong := s.kibana.pointElsewhere(pattern); len(wrong) > 0 {
				t.Errorf("not to %s: %q", pattern, wrong)
			}
		})
	}
}

// TestSetup_index checks that the user's own index pattern is the one.
func TestSetup_index(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		s := newSetup(t, name)
		s.check(s.do("setup", "--dashboards", "-E", "setup.dashboards.index=mine-*"))
		if wrong := s.kibana.pointElsewhere("mine-*"); len(wrong) > 0 || !slices.Contains(s.kibana.ids(), "index-pattern/mine-*") {
			t.Errorf("%s: not to mine-*: %q", name, wrong)
		}
	}
}

// TestSetup_refused checks that nothing is left behind where Kibana says no, and
// that the error is reported.
func TestSetup_refused(t *testing.T) {
	t.Parallel()
	s := newSetup(t, packetbeat)
	s.kibana.refuse = true
	if r := s.do("setup", "--dashboards"); r.Code == 0 || !strings.Contains(r.Stderr, "500") {
		t.Errorf("exit code %d, %q; want Kibana's fault", r.Code, r.Stderr)
	}
	s.leftovers()
}

// TestSetup_indexManagement checks the requests to Elasticsearch, and that Kibana is
// not asked.
func TestSetup_indexManagement(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, name)
			s.check(s.do("setup", "--index-management"))
			puts, in := s.elastic.got(), name+"-"+version
			want := []string{"/_data_stream/" + in, "/_ilm/policy/" + name, "/_index_template/" + in}
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(puts))); diff != "" {
				t.Fatalf("put: mismatch (-want +got):\n%s", diff)
			}
			var got template
			if err := json.Unmarshal([]byte(puts["/_index_template/"+in]), &got); err != nil {
				t.Fatal(err)
			}
			fields, count := got.fields()
			exported, n := exportTemplate(ofName(t, name)).fields()
			if diff := cmp.Diff(exported, fields); diff != "" || count != n || !slices.Equal(got.IndexPatterns, []string{in}) {
				t.Errorf("patterns %q, fields: mismatch with export template (-want +got):\n%s", got.IndexPatterns, diff)
			}
			if !strings.Contains(puts["/_ilm/policy/"+name], `"max_primary_shard_size":"50gb"`) {
				t.Errorf("policy = %s", puts["/_ilm/policy/"+name])
			}
			if n := len(s.kibana.imported()); n > 0 {
				t.Errorf("Kibana got %d objects", n)
			}
			t.Logf("%d requests that write, %d fields", len(puts), count)
		})
	}
}

// TestSetup_all checks that setup alone does both.
func TestSetup_all(t *testing.T) {
	t.Parallel()
	s := newSetup(t, packetbeat)
	s.check(s.do("setup"))
	if puts, objects := len(s.elastic.got()), len(s.kibana.imported()); puts != 3 || objects != 137 {
		t.Errorf("%d requests that write, %d objects; want 3 and 137", puts, objects)
	}
}

// TestSetup_atStart checks that setup.dashboards.enabled, as packetbeat has it,
// loads the dashboards when the beat starts, and that it runs then.
func TestSetup_atStart(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, name)
			s.check(s.do("-E", "setup.dashboards.enabled=true", "-t", "-I", fixture.Repository(t, "demo/qubes.pcapng")))
			if n := len(s.kibana.imported()); n != 137 {
				t.Errorf("%d objects; want 137", n)
			}
			if wrong := s.kibana.pointElsewhere(name + "-*"); len(wrong) > 0 {
				t.Errorf("not to %s-*: %q", name, wrong)
			}
		})
	}
}
