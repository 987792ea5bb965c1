package identity_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// template is what of an index template the tests read.
type template struct {
	IndexPatterns []string  `json:"index_patterns"`
	Priority      int       `json:"priority"`
	DataStream    *struct{} `json:"data_stream"`
	Template      struct {
		Settings struct {
			Index struct {
				Lifecycle struct {
					Name string `json:"name"`
				} `json:"lifecycle"`
				Mapping struct {
					TotalFields struct {
						Limit int `json:"limit"`
					} `json:"total_fields"`
				} `json:"mapping"`
			} `json:"index"`
		} `json:"settings"`
		Mappings struct {
			Meta struct {
				Beat    string `json:"beat"`
				Version string `json:"version"`
			} `json:"_meta"`
			DynamicTemplates []map[string]struct {
				PathMatch string `json:"path_match"`
			} `json:"dynamic_templates"`
			Properties map[string]*property `json:"properties"`
		} `json:"mappings"`
	} `json:"template"`
}

// property is one field of a mapping.
type property struct {
	Type       string               `json:"type"`
	Path       string               `json:"path"` // of an alias
	Properties map[string]*property `json:"properties"`
	Fields     map[string]*property `json:"fields"` // multi-fields
}

// mapping is the type of every field by its dotted name.
type mapping map[string]string

// fields returns the fields of a template that have a type, and how many
// Elasticsearch counts: objects and multi-fields, too.
func (t *template) fields() (m mapping, count int) {
	m = mapping{}
	return m, m.add("", t.Template.Mappings.Properties)
}

func (m mapping) add(prefix string, properties map[string]*property) (count int) {
	for name, p := range properties {
		switch {
		case p.Type != "":
			m[prefix+name] = p.Type
		case p.Properties == nil:
			m[prefix+name] = "object"
		}
		count += 1 + m.add(prefix+name+".", p.Properties) + m.add(prefix+name+".", p.Fields)
	}
	return count
}

// explicit reports whether a field of a document has been thought of: it has a
// type, or a dynamic template is there for the folder that it is in.
func (t *template) explicit(m mapping, name string) bool {
	if kind, ok := m[name]; ok && kind != "object" {
		return true
	}
	for _, one := range t.Template.Mappings.DynamicTemplates {
		for _, d := range one {
			prefix, isFolder := strings.CutSuffix(d.PathMatch, "*")
			if isFolder && prefix != "" && strings.HasPrefix(name, prefix) {
				return true
			}
		}
	}
	for i := range len(name) {
		if name[i] == '.' && m[name[:i]] == "flattened" {
			return true
		}
	}
	return false
}

// exportTemplate returns the index template of a program.
func exportTemplate(p *program) *template {
	p.t.Helper()
	t := &template{}
	p.decode(t, "export", "template")
	return t
}

// ofName is the program under a name with a configuration that has its root and
// nothing else.
func ofName(t testing.TB, name string) *program {
	t.Helper()
	return newProgram(t, name, map[string]string{name + ".yml": name + ".flows: {}\noutput.file.path: out\n"})
}

// indexPattern is Kibana's index pattern.
type indexPattern struct {
	ID, Type   string
	Attributes struct{ Title, TimeFieldName, Fields, FieldFormatMap string }
}

// exportIndexPattern returns the index pattern of a program.
func exportIndexPattern(p *program) *indexPattern {
	p.t.Helper()
	i := &indexPattern{}
	p.decode(i, "export", "index-pattern")
	return i
}

// types returns what Kibana takes a field for.
func (i *indexPattern) types(t testing.TB) mapping {
	t.Helper()
	var list []struct{ Name, Type string }
	if err := json.Unmarshal([]byte(i.Attributes.Fields), &list); err != nil {
		t.Fatal(err)
	}
	m := mapping{}
	for _, f := range list {
		m[f.Name] = f.Type
	}
	return m
}

// definition is an entry of a fields.yml.
type definition struct {
	Key, Name, Type string
	ObjectType      string `yaml:"object_type"`
	Migration       bool
	Fields          []definition
	MultiFields     []definition `yaml:"multi_fields"`
}

// define adds what a fields.yml says, with the types that it says; a later
// definition wins.
func (m mapping) define(prefix string, list []definition) {
	for _, d := range list {
		name := prefix + d.Name
		switch d.Type {
		case "group", "nested", "":
			if d.Fields != nil {
				m.define(name+".", d.Fields)
				continue
			}
			m.leaf(name, d)
		case "alias":
			if !d.Migration { // those are made with migration.6_to_7 only
				m[name] = d.Type
			}
		case "array":
			m[name] = d.ObjectType
		case "object":
			m[name] = "object"
		default:
			m.leaf(name, d)
		}
	}
}

func (m mapping) leaf(name string, d definition) {
	m[name] = cmp.Or(d.Type, "keyword")
	for _, multi := range d.MultiFields {
		m[name+"."+multi.Name] = cmp.Or(multi.Type, "keyword")
	}
}

// inTemplate returns the types that the licence-free packetbeat gives
// Elasticsearch for those of a fields.yml.
func (m mapping) inTemplate() mapping {
	out := maps.Clone(m)
	for name, kind := range m {
		switch kind {
		case "wildcard":
			out[name] = "keyword"
		case "match_only_text":
			out[name] = "text"
		case "integer":
			out[name] = "long"
		}
	}
	return out
}

// defineFile adds what a file defines. The top level of a fields.yml has
// sections, which are no part of names.
func (m mapping) defineFile(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var sections []definition
	if err := yaml.Unmarshal(data, &sections); err != nil {
		return err
	}
	for _, s := range sections {
		m.define("", s.Fields)
	}
	return nil
}

// fieldFiles are the sources of packetbeat's fields, in the order in which they
// become its fields.yml.
var fieldFiles = []string{
	"libbeat/_meta/fields.ecs.yml", "libbeat/_meta/fields.common.yml", "libbeat/processors/*/_meta/fields.yml",
	"libbeat/autodiscover/providers/*/_meta/fields.yml", "packetbeat/_meta/fields*.yml", "packetbeat/protos/*/_meta/fields.yml",
}

var definitions = sync.OnceValues(func() (mapping, error) {
	dir, err := fixture.BeatsDir()
	if err != nil {
		return nil, err
	}
	m := mapping{}
	for _, pattern := range fieldFiles {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if err := m.defineFile(file); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
})

// packetbeatFields returns packetbeat's own fields, from its sources. The result
// is shared: it must not be changed.
func packetbeatFields(t testing.TB) mapping {
	t.Helper()
	m, err := definitions()
	if err != nil {
		t.Fatal(err)
	}
	if len(m) < 1000 {
		t.Fatalf("%d fields in packetbeat's sources; want many more", len(m))
	}
	return m
}

// ownFields returns those of the fields.yml of this repository.
func ownFields(t testing.TB) mapping {
	t.Helper()
	m := mapping{}
	if err := m.defineFile(fixture.Repository(t, "fields.yml")); err != nil {
		t.Fatal(err)
	}
	return m
}
