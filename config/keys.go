package config

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/spell"
)

// foreign are keys whose content packetbeat's own code reads, and keys that
// concern only parts that are absent here (overwrite_pipelines, id, npcap).
var foreign = []string{"protocols", "procs", "ignore_outgoing", "overwrite_pipelines", "id", "npcap"}

// clientKeys are the keys of a libbeat client beside those of [Flows]; the beater
// reads them.
var clientKeys = []string{"fields", "fields_under_root", "tags", "processors"}

// The two roots.
const (
	ownRoot        = "qubesbeat"
	packetbeatRoot = "packetbeat"
)

// shared are the sections whose keys are packetbeat's.
var shared = []string{"", "interfaces", "flows"}

// Check compares the keys of a settings tree with those that exist. root is the
// name of the tree in the files, which are read only to find line numbers. The
// error lists every unknown key with its place and the nearest key that exists.
//
// packetbeat itself ignores unknown keys. Under its root such a key is a warning,
// so that a file that works there works here; in our own sections it is an error
// under either root.
func Check(root string, tree map[string]any, files []string) (warnings []error, err error) {
	c := checker{root: root, places: readPlaces(files), seen: map[string]int{}, lenient: root == packetbeatRoot}
	c.section("", reflect.TypeFor[Config](), tree)
	return c.warnings, errors.Join(c.errs...)
}

// Foreign returns an error if the files have the other root only: nothing below
// it would be read. That happens if the program is called packetbeat.
func Foreign(root string, files []string) error {
	other := ownRoot
	if root == ownRoot {
		other = packetbeatRoot
	}
	var wrong error
	for _, file := range files {
		for _, key := range TopLevel(file) {
			switch name, _, _ := strings.Cut(key.Name, "."); {
			case name == root:
				return nil
			case name == other && wrong == nil:
				wrong = fmt.Errorf("%s:%d: %s: is not read under the name %s; call the program %s or rename the key to %s",
					file, key.Line, other, root, other, root)
			}
		}
	}
	return wrong
}

// Keys returns every key that exists below the root and is not packetbeat's own
// to read, in dotted form and in order. NAME stands for a name that the user
// gives. Sections are not among them, their keys are.
func Keys() (keys []string) {
	walk("", reflect.TypeFor[Config](), func(key string) { keys = append(keys, key) })
	slices.Sort(keys)
	return keys
}

// walk calls leaf with every key below a type.
func walk(prefix string, t reflect.Type, leaf func(key string)) {
	switch t = item(t); t.Kind() {
	case reflect.Map:
		walk(join(prefix, "NAME"), t.Elem(), leaf)
	case reflect.Struct:
		for _, key := range slices.Sorted(maps.Keys(fields(t))) {
			walk(join(prefix, key), fields(t)[key], leaf)
		}
	default:
		leaf(prefix)
	}
}

// item returns the type behind lists and pointers.
func item(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// fields returns the keys that the tags of a struct declare, with their types.
func fields(t reflect.Type) map[string]reflect.Type {
	keys := map[string]reflect.Type{}
	for i := range t.NumField() {
		keys[t.Field(i).Tag.Get("config")] = t.Field(i).Type
	}
	return keys
}

// checker compares a tree with the types of the settings.
type checker struct {
	root     string
	places   places
	lenient  bool
	warnings []error
	errs     []error
	seen     map[string]int // errors of a key so far: the items of a list share it
}

// section checks one level. Keys of inner levels are joined with dots.
func (c *checker) section(prefix string, t reflect.Type, tree map[string]any) {
	known := knownKeys(prefix, t)
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		name := join(prefix, key)
		inner, ok := known[key]
		if !ok {
			c.unknown(prefix, key, known)
			continue
		}
		if inner != nil {
			c.descend(name, item(inner), tree[key])
		}
	}
}

// descend checks what stands below a known key. t is not a list or a pointer.
func (c *checker) descend(name string, t reflect.Type, v any) {
	switch t.Kind() {
	case reflect.Uint16:
		c.number(name, v)
	case reflect.Map: // its keys are names that the user gives
		named, _ := v.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(named)) {
			c.descend(join(name, key), item(t.Elem()), named[key])
		}
	case reflect.Struct:
		if m, ok := v.(map[string]any); ok {
			c.section(name, t, m)
		}
		list, _ := v.([]any)
		for _, one := range list {
			if m, ok := one.(map[string]any); ok {
				c.section(name, t, m)
			}
		}
	}
}

// number reports numbers that are no port or group. What reads the values would name
// their types only.
func (c *checker) number(name string, v any) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, one := range list {
		n, err := strconv.ParseInt(fmt.Sprint(one), 10, 64)
		if err == nil && (n < 0 || n > math.MaxUint16) {
			c.report(join(c.root, name), fmt.Errorf("%d is not within 0 and %d", n, math.MaxUint16))
		}
	}
}

// report adds an error of a key.
func (c *checker) report(full string, err error) {
	n := c.seen[full]
	c.seen[full]++
	c.errs = append(c.errs, c.places.at(full, n, err))
}

// knownKeys returns the keys of a level with their types, which are nil for keys
// whose content is not checked here.
func knownKeys(prefix string, t reflect.Type) map[string]reflect.Type {
	keys := fields(t)
	var others []string
	switch prefix {
	case "":
		others = foreign
	case "flows":
		others = clientKeys
	}
	for _, key := range others {
		keys[key] = nil
	}
	return keys
}

// unknown reports a key that does not exist.
func (c *checker) unknown(prefix, key string, known map[string]reflect.Type) {
	text := "unknown key; qubesbeat.reference.yml has every key"
	if near := nearest(key, known); near != "" {
		text = fmt.Sprintf("unknown key; did you mean %s?", join(prefix, near))
	}
	full := join(c.root, join(prefix, key))
	if c.lenient && slices.Contains(shared, prefix) {
		n := c.seen[full]
		c.seen[full]++
		c.warnings = append(c.warnings, c.places.at(full, n, errors.New(text+"; it is ignored, as packetbeat does")))
		return
	}
	c.report(full, errors.New(text))
}

// join joins two parts of a key, of which the first may be empty.
func join(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}

// nearest returns the known key that differs least from key, "" if none is near.
func nearest(key string, known map[string]reflect.Type) string {
	best, limit := "", max(2, len(key)/3)+1
	for _, k := range slices.Sorted(maps.Keys(known)) {
		if d := spell.Distance(key, k); d < limit {
			best, limit = k, d
		}
	}
	return best
}
