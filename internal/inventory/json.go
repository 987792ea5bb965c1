package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// jsonVersion is the supported version of the format.
const jsonVersion = 1

// A jsonParser parses an inventory in JSON.
type jsonParser struct {
	*builder
	lines lineIndex
}

// parseJSON parses an inventory in JSON into b. It checks the syntax of the whole text first, so that the rest can rely
// on it.
func parseJSON(data []byte, b *builder) {
	p := &jsonParser{builder: b, lines: newLineIndex(data)}

	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		p.syntax(len(data), err)
		return
	}

	p.inventory(member{value: data})
}

// syntax reports a syntax error, with its line and column, in a text of size bytes.
func (p *jsonParser) syntax(size int, err error) {
	offset := size
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		// Offset includes the offending byte.
		offset = int(max(syntax.Offset-1, 0))
	}

	line, column := p.lines.position(offset)
	p.report(line, "", fmt.Errorf("column %d: %w: push the inventory again, it may be truncated", column, err))
}

// inventory parses the outermost object.
func (p *jsonParser) inventory(whole member) {
	var (
		version         *int
		qubes, upstream json.RawMessage
	)

	values, faults := readObject(whole, []jsonField{{"version", "a number", into(&version)}, {"qubes", "a list", into(&qubes)},
		{"upstream", "a list", into(&upstream)}})
	for _, f := range faults {
		p.report(p.lines.line(f.offset), "", f.err)
	}

	list, hasQubes := values["qubes"]
	switch {
	case version == nil && hasFault(faults, values["version"]):
	case version == nil:
		p.report(0, "", fmt.Errorf("there is no \"version\": add \"version\": %d", jsonVersion))
	case *version != jsonVersion:
		p.report(0, "", fmt.Errorf("version %d of the format is not supported, only %d is: update qubesbeat, or "+
			"use the script that came with it", *version, jsonVersion))
	case !hasQubes:
		p.report(0, "", errors.New("there is no \"qubes\": add it, with [] if there is no qube"))
	default:
		p.qubes(list)
		if above, ok := values["upstream"]; ok {
			p.chain(above)
		}
	}
}

// hasFault reports whether one of the faults concerns m.
func hasFault(faults []fault, m member) bool {
	return slices.ContainsFunc(faults, func(f fault) bool { return m.offset > 0 && f.offset == m.offset })
}

// qubes parses the list of qubes. It counts the elements itself, because the builder does not see those that are no
// objects.
func (p *jsonParser) qubes(list member) {
	count := 0
	err := eachElement(list, func(m member) bool {
		path := fmt.Sprintf("qubes[%d]", count)
		if count++; count > p.cfg.MaxQubes {
			p.report(p.lines.line(m.offset), path, p.tooMany())
			return false
		}

		p.qube(path, m)
		return true
	})
	if err != nil {
		p.report(p.lines.line(list.offset), "qubes", err)
	}
}

// A jsonQube is a qube in JSON. A nil pointer means that the field was left out.
type jsonQube struct {
	name, class, state, label, netvm, template, uuid, ip, ip6, exit string

	providesNetwork *bool
	xid, stub       *int64
	tags            []string
}

// fields returns the keys of a qube, with the types of their values and where to store them.
func (q *jsonQube) fields() []jsonField {
	return []jsonField{
		{"name", "a string", into(&q.name)},
		{"class", "a string", into(&q.class)},
		{"state", "a string", into(&q.state)},
		{"label", "a string", into(&q.label)},
		{"netvm", "a string", into(&q.netvm)},
		{"ip", "a string", into(&q.ip)},
		{"ip6", "a string", into(&q.ip6)},
		{"template", "a string", into(&q.template)},
		{"provides_network", "true or false", into(&q.providesNetwork)},
		{"xid", "a whole number", into(&q.xid)},
		{"stubdom_xid", "a whole number", into(&q.stub)},
		{"uuid", "a string", into(&q.uuid)},
		{"tags", "a list of strings", into(&q.tags)},
		{"exit", "a string", into(&q.exit)},
	}
}

// record returns the qube as text, so that the same rules apply to both formats.
func (q *jsonQube) record() *record {
	r := &record{
		name: q.name, class: q.class, state: q.state, label: q.label, netvm: q.netvm,
		template: q.template, uuid: q.uuid, ip: q.ip, ip6: q.ip6, exit: q.exit,
		tags: strings.Join(q.tags, ","),
	}

	if q.providesNetwork != nil {
		r.provides = strconv.FormatBool(*q.providesNetwork)
	}

	if q.xid != nil {
		r.xid = strconv.FormatInt(*q.xid, 10)
	}

	if q.stub != nil {
		r.stub = strconv.FormatInt(*q.stub, 10)
	}
	return r
}

// qube parses one qube.
func (p *jsonParser) qube(path string, object member) {
	var q jsonQube
	values, faults := readObject(object, q.fields())

	for _, tag := range q.tags {
		if err := validTag(tag); err != nil {
			faults, q.tags = append(faults, fault{object.offset, err}), nil
			break
		}
	}

	name := q.name
	if qube.ValidName(name) != nil {
		name = ""
	}

	for _, f := range faults {
		p.problems.add(Problem{Line: p.lines.line(f.offset), Path: path, Qube: name, Text: f.err.Error()})
	}

	if len(values) == 0 && len(faults) > 0 {
		return // not an object, so that further problems would be meaningless
	}

	r := q.record()
	r.line, r.path = p.lines.line(object.offset), path

	p.add(r)
}
