package blocky

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// tree is a configuration of which the keys that were used are noted, so that
// what is left can be told.
type tree struct {
	root map[string]any
	used map[string]bool
}

// get returns the value of a dotted key, nil where there is none.
func (t *tree) get(path string) any {
	var v any = t.root
	for key := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	if v != nil {
		t.used[path] = true
	}
	return v
}

// first returns the value of the first key that is there: keys have had other
// names.
func (t *tree) first(paths ...string) any {
	for _, p := range paths {
		if v := t.get(p); v != nil {
			return v
		}
	}
	return nil
}

func (t *tree) text(paths ...string) string {
	if v := t.first(paths...); v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

func (t *tree) flag(path string, otherwise bool) bool {
	if b, ok := t.get(path).(bool); ok {
		return b
	}
	return otherwise
}

// texts returns a list; blocky takes a single value, or one with commas, for one.
func texts(v any) (list []string) {
	switch v := v.(type) {
	case nil:
	case []any:
		for _, one := range v {
			list = append(list, fmt.Sprint(one))
		}
	default:
		for one := range strings.SplitSeq(fmt.Sprint(v), ",") {
			list = append(list, strings.TrimSpace(one))
		}
	}
	return list
}

// section returns the keys of a map in order, and the map.
func (t *tree) section(paths ...string) ([]string, map[string]any) {
	m, _ := t.first(paths...).(map[string]any)
	return slices.Sorted(maps.Keys(m)), m
}

// duration returns a length of time as we write it; a bare number means minutes
// in blocky. "" where there is none.
func (t *tree) duration(paths ...string) string {
	switch v := t.first(paths...).(type) {
	case int:
		return (time.Duration(v) * time.Minute).String()
	case string:
		return v
	}
	return ""
}

// left returns the keys that nobody has used. whole tells sections that are named
// as a whole.
func (t *tree) left(whole func(section string) bool) (list []string) {
	var walk func(prefix string, m map[string]any)
	walk = func(prefix string, m map[string]any) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			path := prefix + k
			inner, isMap := m[k].(map[string]any)
			switch {
			case t.used[path] || m[k] == nil:
			case isMap && len(inner) > 0 && (t.partly(path+".") || !whole(path)):
				walk(path+".", inner)
			default:
				list = append(list, path)
			}
		}
	}
	walk("", t.root)
	return list
}

func (t *tree) partly(prefix string) bool {
	for p := range t.used {
		if strings.HasPrefix(p, prefix) {
			return true
		}
	}
	return false
}
