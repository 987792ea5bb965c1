package mapping

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/elastic/elastic-agent-libs/mapstr"
)

// Elasticsearch refuses a document with a term of more than 32,766 bytes. A flattened
// field makes a term of the names and the value together; keyword fields of libbeat's
// template leave out what is longer than 1,024 characters.
const (
	maxName  = 256
	maxValue = 8192
	maxNames = 1024 // below one flattened field
	maxDepth = 16   // flattened fields may have 20
)

// other is where values go that fit nowhere.
const other = "other"

// Fit changes the fields of an event so that each value fits the type of its field. It
// returns the number of values that were moved to transaction.other or cut.
func (t *Table) Fit(fields map[string]any) (changed int) {
	f := fitter{}
	f.object(fields, &t.root, "")
	if len(f.moved) > 0 {
		f.flat(f.moved, 1)
		section, ok := fields["transaction"].(map[string]any)
		if !ok {
			section = map[string]any{}
			fields["transaction"] = section
		}
		section[other] = f.moved
	}
	return f.changed
}

// fitter is the state of one call of Fit.
type fitter struct {
	moved   map[string]any // by name
	changed int
}

// object makes the fields of an object fit.
func (f *fitter) object(m map[string]any, n *node, path string) {
	for name, value := range m {
		child := n.find(name)
		if child == nil || !f.fits(&value, child, path+name) {
			delete(m, name)
			f.move(path+name, value)
			continue
		}
		m[name] = value
	}
}

// move keeps a value that fits nowhere.
func (f *fitter) move(name string, value any) {
	f.changed++
	if value == nil {
		return
	}
	if f.moved == nil {
		f.moved = map[string]any{}
	}
	f.moved[strings.ReplaceAll(name, ".", "_")] = value
}

// fits reports whether a value fits a field. It may change the value so that it does.
func (f *fitter) fits(value *any, n *node, path string) bool {
	switch v := (*value).(type) {
	case nil:
		return true
	case mapstr.M:
		return f.fitsObject(v, n, path)
	case map[string]any:
		return f.fitsObject(v, n, path)
	case []any:
		return f.list(v, n, path)
	}
	if n.kind == "flattened" {
		return false // Elasticsearch wants an object
	}
	return len(n.children) == 0 && scalarFits(value, n.kind)
}

// fitsObject reports whether an object fits, and makes its fields fit.
func (f *fitter) fitsObject(m map[string]any, n *node, path string) bool {
	switch {
	case n.kind == "flattened":
		f.flat(m, 1)
	case len(n.children) == 0:
		return false
	default:
		f.object(m, n, path+".")
	}
	return true
}

// list makes all elements fit, or none.
func (f *fitter) list(v []any, n *node, path string) bool {
	for i := range v {
		if !f.fits(&v[i], n, path) {
			return false
		}
	}
	return true
}

// scalarFits reports whether a value that is no object fits a type.
func scalarFits(value *any, kind string) bool {
	switch kind {
	case "ip":
		text, ok := (*value).(string)
		a, err := netip.ParseAddr(text)
		return ok && err == nil && a.Zone() == ""
	case "long", "short", "integer":
		return fitsInteger(*value)
	case "float", "scaled_float":
		return fitsFloat(*value)
	case "boolean":
		text, isText := (*value).(string)
		_, isBool := (*value).(bool)
		return isBool || isText && (text == "true" || text == "false")
	case "date":
		return fitsDate(*value)
	case "geo_point", "nested", "object":
		return false
	}
	return true // a text; libbeat's template leaves out what is too long
}

func fitsInteger(value any) bool {
	switch v := value.(type) {
	case string:
		_, err := strconv.ParseInt(v, 10, 64)
		return err == nil
	case float64:
		return v >= math.MinInt64 && v < math.MaxInt64
	case uint64:
		return v <= math.MaxInt64
	case uint:
		return uint64(v) <= math.MaxInt64
	case bool:
		return false
	}
	return true
}

func fitsFloat(value any) bool {
	switch v := value.(type) {
	case string:
		n, err := strconv.ParseFloat(v, 64)
		return err == nil && !math.IsInf(n, 0) && !math.IsNaN(n)
	case float64:
		return !math.IsInf(v, 0) && !math.IsNaN(v)
	case bool:
		return false
	}
	return true
}

func fitsDate(value any) bool {
	text, ok := value.(string)
	if !ok {
		return true
	}
	t, err := time.Parse(time.RFC3339, text)
	return err == nil && t.Year() > 0 && t.Year() <= 9999
}

// flat makes an object fit below a flattened field: short names without dots and control
// characters, not too many of them, short values, not too deep.
func (f *fitter) flat(m map[string]any, depth int) {
	names := slices.Sorted(maps.Keys(m))
	for _, name := range names[min(len(names), maxNames):] {
		delete(m, name)
		f.changed++
	}
	for _, name := range names[:min(len(names), maxNames)] {
		value := f.flatValue(m[name], depth)
		if good := safeName(name); good != name {
			delete(m, name)
			f.changed++
			if _, taken := m[good]; taken {
				continue
			}
			name = good
		}
		m[name] = value
	}
}

func (f *fitter) flatValue(value any, depth int) any {
	switch v := value.(type) {
	case map[string]any:
		if depth == maxDepth {
			f.changed++
			return f.cut(fmt.Sprint(v))
		}
		f.flat(v, depth+1)
		return v
	case []any:
		for i := range v {
			v[i] = f.flatValue(v[i], depth+1)
		}
		return v
	case string:
		return f.cut(v)
	}
	return value
}

func (f *fitter) cut(s string) string {
	if len(s) <= maxValue {
		return s
	}
	f.changed++
	const more = "…"
	return strings.ToValidUTF8(s[:maxValue-len(more)], "") + more
}

// safeName returns a name for an element of a flattened field.
func safeName(name string) string {
	good := strings.Map(func(r rune) rune {
		if r <= ' ' || r == '.' || r == 0x7f {
			return '_'
		}
		return r
	}, name)
	if good == "" {
		return "_"
	}
	if len(good) > maxName {
		good = strings.ToValidUTF8(good[:maxName], "")
	}
	return good
}
