package strict

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// envelope is what libbeat puts beside the fields of an event.
const envelope = "@metadata"

// open reports whether anything may stand below a name: an object without fields of its
// own, or what libbeat needs to deliver the event.
func (r *reader) open(path string) bool {
	if path == envelope || strings.HasPrefix(path, envelope+".") {
		return true
	}
	for i := len(path); i > 0; i = strings.LastIndexByte(path[:i], '.') {
		if k := r.types[path[:i]]; k == "flattened" || k == "object" && !r.hasFields(path[:i]) || k == "geo_point" {
			return true
		}
	}
	return false
}

// hasFields reports whether fields are defined below a name.
func (r *reader) hasFields(path string) bool {
	for name := range r.types {
		if strings.HasPrefix(name, path+".") {
			return true
		}
	}
	return false
}

// checkObject checks that a field may be an object.
func (r *reader) checkObject(path string) {
	switch k := r.types[path]; {
	case r.open(path) || k == "object" || k == "nested" || k == "array" || k == "group":
	case k != "":
		r.problemf(path, "is an object; fields.yml says %s", k)
	case !r.hasFields(path):
		r.problemf(path, "is an object that fields.yml does not have")
	}
}

// checkValue checks a text, a number or a truth value.
func (r *reader) checkValue(path string, v any) {
	k := r.types[path]
	switch {
	case k == "flattened":
		r.problemf(path, "is %v; fields.yml says flattened, which is an object", v)
	case r.open(path):
	case k == "":
		r.problemf(path, "is not in fields.yml; its value is %.60v", v)
	case !isOf(k, v) && (r.own || !isConverted(k, v)):
		r.problemf(path, "is %.60v (%T); fields.yml says %s", v, v, k)
	}
}

// isOf reports whether a value is of a type of Elasticsearch.
func isOf(kind string, v any) bool {
	switch kind {
	case "long", "short", "integer":
		n, ok := v.(json.Number)
		_, err := strconv.ParseInt(n.String(), 10, 64)
		return ok && err == nil
	case "float", "scaled_float":
		n, ok := v.(json.Number)
		_, err := n.Float64()
		return ok && err == nil
	case "boolean":
		_, ok := v.(bool)
		return ok
	}
	text, ok := v.(string)
	return ok && isText(kind, text)
}

// isConverted reports whether Elasticsearch makes a value of that type of v.
func isConverted(kind string, v any) bool {
	switch kind {
	case "keyword":
		_, isNumber := v.(json.Number)
		_, isBool := v.(bool)
		return isNumber || isBool
	case "long", "short", "integer", "float", "scaled_float":
		text, ok := v.(string)
		return ok && isOf(kind, json.Number(text))
	}
	return false
}

// isText reports whether a text is of a type.
func isText(kind, text string) bool {
	switch kind {
	case "ip":
		a, err := netip.ParseAddr(text)
		return err == nil && a.Zone() == ""
	case "date":
		_, err := time.Parse(time.RFC3339Nano, text)
		return err == nil
	case "keyword", "constant_keyword", "text", "match_only_text", "wildcard", "array":
		return true
	}
	return false
}
