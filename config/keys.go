package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/qubesbeat/qubesbeat/internal/spell"
)

// foreign are keys whose inside packetbeat's own code reads, and keys that
// concern only parts that are absent here (overwrite_pipelines, id, npcap).
var foreign = []string{"protocols", "procs", "ignore_outgoing", "overwrite_pipelines", "id", "npcap"}

// clientKeys stand in every section that publishes, and are read by the beater.
var clientKeys = []string{"fields", "fields_under_root", "tags", "processors"}

// Check compares the keys of a settings tree with those that exist. root is the
// name of the tree in the files, which are read only to find line numbers. The
// error lists every fault with its place, its key and the nearest key that
// exists.
//
// packetbeat itself ignores keys that it does not know. Under its root such a
// key is a warning, so that a file that works there works here; in our own
// sections it is a fault under either root.
func Check(root string, tree map[string]any, files []string) (warnings []error, err error) {
	c := checker{root: root, files: files, seen: map[string]int{}, lenient: root == packetbeatRoot}
	c.section("", reflect.TypeFor[Config](), tree)
	return c.warnings, errors.Join(c.faults...)
}

// The two roots.
const (
	ownRoot        = "qubesbeat"
	packetbeatRoot = "packetbeat"
)

// shared are the sections whose keys are packetbeat's.
var shared = []string{"", "interfaces", "flows"}

// Foreign returns an error when the files have the other root only: nothing of
// what they say there would be read. That happens where the program is called
// packetbeat.
func Foreign(root string, files []string) error {
	other := ownRoot
	if root == ownRoot {
		other = packetbeatRoot
	}
	isRoot := func(n *yaml.Node, root string) bool {
		return n.Value == root || strings.HasPrefix(n.Value, root+".")
	}
	for _, file := range files {
		if slices.ContainsFunc(topLevel(file), func(n *yaml.Node) bool { return isRoot(n, root) }) {
			return nil
		}
	}
	for _, file := range files {
		for _, n := range topLevel(file) {
			if isRoot(n, other) {
				return fmt.Errorf("%s:%d: %s: is not read under the name %s; call the program %s or rename the key to %s",
					file, n.Line, other, root, other, root)
			}
		}
	}
	return nil
}

// topLevel returns the keys of a file.
func topLevel(file string) (keys []*yaml.Node) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var doc yaml.Node
	if yaml.Unmarshal(data, &doc) != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(doc.Content[0].Content); i += 2 {
		keys = append(keys, doc.Content[0].Content[i])
	}
	return keys
}

type checker struct {
	root     string
	files    []string
	lenient  bool
	warnings []error
	faults   []error
	seen     map[string]int // faults of a key so far: the items of a list share it
}

// section checks one level. Keys of inner levels are joined with dots.
func (c *checker) section(prefix string, t reflect.Type, tree map[string]any) {
	known := c.known(prefix, t)
	for _, key := range sortedKeys(tree) {
		name := join(prefix, key)
		inner, ok := known[key]
		if !ok {
			c.unknown(name, prefix, known)
			continue
		}
		c.descend(name, inner, tree[key])
	}
}

func (c *checker) descend(name string, t reflect.Type, v any) {
	if t == nil {
		return
	}
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Map { // its keys are names that the user gives
		named, _ := v.(map[string]any)
		for _, key := range sortedKeys(named) {
			c.descend(join(name, key), t.Elem(), named[key])
		}
		return
	}
	if t.Kind() != reflect.Struct {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		c.section(name, t, v)
	case []any:
		for _, one := range v {
			if m, ok := one.(map[string]any); ok {
				c.section(name, t, m)
			}
		}
	}
}

// known returns the keys of a level and the types behind them, nil for keys
// whose inside is not ours to check.
func (c *checker) known(prefix string, t reflect.Type) map[string]reflect.Type {
	keys := map[string]reflect.Type{}
	for i := range t.NumField() {
		keys[t.Field(i).Tag.Get("config")] = t.Field(i).Type
	}
	switch prefix {
	case "":
		for _, k := range foreign {
			keys[k] = nil
		}
	case "flows":
		for _, k := range clientKeys {
			keys[k] = nil
		}
	}
	return keys
}

func (c *checker) unknown(name, prefix string, known map[string]reflect.Type) {
	text := "unknown key"
	if near := nearest(name[len(prefix):], known); near != "" {
		text += fmt.Sprintf("; did you mean %s?", join(prefix, near))
	} else {
		text += "; qubesbeat.reference.yml has those that exist"
	}
	if c.lenient && slices.Contains(shared, prefix) {
		c.warnings = append(c.warnings, c.message(name, text+"; it is ignored, as packetbeat does"))
		return
	}
	c.fault(name, text)
}

func (c *checker) fault(name, text string) { c.faults = append(c.faults, c.message(name, text)) }

// message puts the place in front of what is wrong with a key.
func (c *checker) message(name, text string) error {
	full := c.root + "." + name
	n := c.seen[full]
	c.seen[full]++
	if place := c.place(full, n); place != "" {
		full = place + ": " + full
	}
	return fmt.Errorf("%s: %s", full, text)
}

// place returns file:line of a key, "" where it was set elsewhere, as with -E.
func (c *checker) place(key string, n int) string {
	for _, file := range c.files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		var doc yaml.Node
		if yaml.Unmarshal(data, &doc) != nil || len(doc.Content) == 0 {
			continue
		}
		if lines := find(doc.Content[0], key); len(lines) > 0 {
			return fmt.Sprintf("%s:%d", file, lines[min(n, len(lines)-1)])
		}
	}
	return ""
}

// find returns the lines of a dotted key below a node, one for each item of a
// list. A key in the file may itself contain dots, as "qubesbeat.flows:" does.
func find(n *yaml.Node, key string) (lines []int) {
	switch n.Kind {
	case yaml.SequenceNode:
		for _, one := range n.Content {
			lines = append(lines, find(one, key)...)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			have := n.Content[i].Value
			if have == key {
				lines = append(lines, n.Content[i].Line)
			} else if rest, ok := strings.CutPrefix(key, have+"."); ok {
				lines = append(lines, find(n.Content[i+1], rest)...)
			}
		}
	}
	return lines
}

func join(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}

func sortedKeys(tree map[string]any) []string {
	keys := make([]string, 0, len(tree))
	for k := range tree {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// nearest returns the known key that differs least from key, "" where none is
// near.
func nearest(key string, known map[string]reflect.Type) string {
	key = strings.TrimPrefix(key, ".")
	best, limit := "", max(2, len(key)/3)+1
	for _, k := range sortedNames(known) {
		if d := spell.Distance(key, k); d < limit {
			best, limit = k, d
		}
	}
	return best
}

func sortedNames(known map[string]reflect.Type) []string {
	names := make([]string, 0, len(known))
	for k := range known {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}
