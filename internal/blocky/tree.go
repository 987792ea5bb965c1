package blocky

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// tree is a configuration that records which keys were used, so that the others
// can be reported.
type tree struct {
	root map[string]any
	used map[string]bool
}

// get returns the value of a dotted key, nil if it is absent.
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

// first returns the value of the first key that is present: earlier versions had
// other names.
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

// texts returns a list; blocky accepts a single value, or one with commas, as one.
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

// duration returns a duration with its unit, "" if the key is absent. A number
// without a unit means minutes in blocky.
func (t *tree) duration(paths ...string) string {
	switch v := t.first(paths...).(type) {
	case int:
		return (time.Duration(v) * time.Minute).String()
	case string:
		return v
	}
	return ""
}

// left returns the keys that were not used. whole reports whether a section is
// named as a whole, instead of its keys.
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
