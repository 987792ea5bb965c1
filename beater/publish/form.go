package publish

import (
	"regexp"
	"slices"
	"strings"

	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// Form is how a document travels through libbeat's pipeline. The zero value is a map of
// all fields, which every output, processor and queue understands.
type Form struct {
	kind kind
	// addresses are the fields that the output reads to choose a topic, a key or a
	// partition.
	addresses []string
}

type kind int

const (
	asMap      kind = iota
	asDocument      // only our codec reads it
	asStream        // libbeat's encoders read it, through [streamed]
)

// Encoded returns the outputs that use [CodecName] unless the configuration names another
// codec.
func Encoded() []string { return []string{FileOutput, "redis", "kafka"} }

// IsLocal reports whether an output is on this machine.
func IsLocal(output string) bool { return output == FileOutput || output == "discard" }

// FormFor returns the form for an output with its settings. A document becomes a map
// where the output may look into any of its fields.
func FormFor(output string, settings *conf.C) Form { return formFor(output, settings, constant) }

// FormForLines is like [FormFor] for events that were written before, to which libbeat
// adds nothing.
func FormForLines(output string, settings *conf.C) Form { return formFor(output, settings, nil) }

func formFor(output string, settings *conf.C, constant []string) Form {
	for _, conditional := range []string{"indices", "pipelines", "topics", "keys"} {
		if settings.HasField(conditional) {
			return Form{}
		}
	}
	fields := references(settings, constant)
	switch {
	case output == "discard":
		return Form{kind: asDocument}
	case slices.Contains(Encoded(), output) && hasCodec(settings):
		return Form{asDocument, fields}
	case output == "elasticsearch" || output == "logstash":
		if len(fields) == 0 {
			return Form{kind: asStream}
		}
	}
	return Form{}
}

func hasCodec(settings *conf.C) bool {
	ok, err := settings.Has("codec."+CodecName, -1)
	return err == nil && ok
}

// reference is a field in a format string, such as %{[qube.name]:none}.
var reference = regexp.MustCompile(`%\{\[([^\]]+)\]`)

// constant are fields whose value libbeat adds itself.
var constant = []string{"agent.", "ecs.", "host."}

// references returns the fields of documents that settings refer to, except for those that
// begin with one of some words.
func references(settings *conf.C, constant []string) (fields []string) {
	var tree map[string]any
	if err := settings.Unpack(&tree); err != nil {
		return nil
	}
	walk(tree, "", func(key, text string) {
		if strings.HasSuffix(key, ".hash") {
			fields = append(fields, text)
		}
		for _, m := range reference.FindAllStringSubmatch(text, -1) {
			fields = append(fields, m[1])
		}
	})
	fields = slices.DeleteFunc(fields, func(f string) bool {
		return slices.ContainsFunc(constant, func(prefix string) bool { return strings.HasPrefix(f, prefix) })
	})
	slices.Sort(fields)
	return slices.Compact(fields)
}

// walk calls f for each string in a tree, with the names that lead to it.
func walk(v any, key string, f func(key, text string)) {
	switch v := v.(type) {
	case string:
		f(key, v)
	case []any:
		for _, e := range v {
			walk(e, key, f)
		}
	case map[string]any:
		for k, e := range v {
			walk(e, key+"."+k, f)
		}
	}
}

// fields returns the fields of an event.
func (f Form) fields(d event.Document) mapstr.M {
	switch f.kind {
	case asStream:
		return mapstr.M{firstField: streamed{d}}
	case asDocument:
		if len(f.addresses) > 0 {
			return newAddressed(d, f.addresses)
		}
		return mapstr.M{documentField: d}
	}
	return event.ToMap(d)
}
