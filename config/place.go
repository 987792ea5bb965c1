package config

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// A Key is a key of a file's top level.
type Key struct {
	// Name is the whole key, which may have dots in it: "qubesbeat.flows".
	Name string
	// Line is where it stands, from 1.
	Line int
}

// rootLine finds a root in a file that is not valid YAML as it stands, such as one
// with a template in it.
var rootLine = regexp.MustCompile(`^["']?(packetbeat|qubesbeat)["']?[.:]`)

// TopLevel returns the keys of a file's top level, in their order; none if it
// cannot be read. Of a file that is not valid YAML, it returns the roots.
func TopLevel(file string) (keys []Key) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	node := parse(data)
	if node == nil || templated(node) {
		for n, line := range strings.Split(string(data), "\n") {
			if m := rootLine.FindStringSubmatch(line); m != nil {
				keys = append(keys, Key{Name: m[1], Line: n + 1})
			}
		}
		return keys
	}
	if node.Kind == yaml.MappingNode {
		for i := 0; i < len(node.Content); i += 2 {
			keys = append(keys, Key{Name: node.Content[i].Value, Line: node.Content[i].Line})
		}
	}
	return keys
}

// templated reports whether a key is not a plain word, as when a file begins with
// {{ a template }}, which YAML takes for a mapping in a mapping.
func templated(n *yaml.Node) bool {
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		if n.Content[i].Kind != yaml.ScalarNode {
			return true
		}
	}
	return false
}

// parse returns what a YAML document holds, nil if it is not valid.
func parse(data []byte) *yaml.Node {
	var doc yaml.Node
	switch err := yaml.Unmarshal(data, &doc); {
	case err != nil:
		return nil
	case len(doc.Content) == 0:
		return &doc
	}
	return doc.Content[0]
}

// Locate returns err with file and line, where they can be found, in front of each
// [Problem] that is joined in it. root is the name of the tree in the files.
func Locate(root string, files []string, err error) error {
	p := readPlaces(files)
	var located []error
	for _, one := range split(err) {
		var problem *Problem
		if errors.As(one, &problem) {
			one = p.at(join(root, problem.Key), 0, one)
		}
		located = append(located, one)
	}
	return errors.Join(located...)
}

// split returns the errors that are joined in err, through all levels.
func split(err error) (list []error) {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	for _, one := range joined.Unwrap() {
		list = append(list, split(one)...)
	}
	return list
}

// places finds keys in the configuration files.
type places []struct {
	file string
	node *yaml.Node
}

// readPlaces reads the files; one that cannot be read has no keys.
func readPlaces(files []string) places {
	p := make(places, len(files))
	for i, file := range files {
		p[i].file = file
		if data, err := os.ReadFile(file); err == nil {
			p[i].node = parse(data)
		}
	}
	return p
}

// at returns err with the place of the nth occurrence of a dotted key in front, and
// the key. A key that was set elsewhere, as with -E, has no place.
func (p places) at(key string, n int, err error) error {
	text := err.Error()
	if problem := new(Problem); errors.As(err, &problem) {
		text = problem.Err.Error()
	}
	for i := range p {
		if lines := find(p[i].node, key); len(lines) > 0 {
			return &located{fmt.Sprintf("%s:%d: %s: %s", p[i].file, lines[min(n, len(lines)-1)], key, text), err}
		}
	}
	return &located{key + ": " + text, err}
}

// located is an error with its place.
type located struct {
	text string
	err  error
}

// Error implements error.
func (l *located) Error() string { return l.text }

// Unwrap returns the problem itself, for [errors.As].
func (l *located) Unwrap() error { return l.err }

// find returns the lines of a dotted key below a node, one for each item of a
// list, or that of one item if the key has its number. A key in the file may
// itself contain dots, as "qubesbeat.flows:" does. A nil node has no keys.
func find(n *yaml.Node, key string) (lines []int) {
	if n == nil {
		return nil
	}
	head, rest, _ := strings.Cut(key, ".")
	i, err := strconv.Atoi(head)
	numbered := err == nil && i >= 0
	switch {
	case n.Kind == yaml.MappingNode && numbered && i == 0: // a single item needs no list around it
		return append(inMapping(n, key), below(n, rest)...)
	case n.Kind == yaml.MappingNode:
		return inMapping(n, key)
	case n.Kind == yaml.SequenceNode && numbered && i < len(n.Content):
		return below(n.Content[i], rest)
	case n.Kind == yaml.SequenceNode && !numbered:
		for _, one := range n.Content {
			lines = append(lines, find(one, key)...)
		}
	}
	return lines
}

// below returns the line of a node if nothing is left of the key, and what find
// does otherwise.
func below(n *yaml.Node, rest string) []int {
	if rest == "" {
		return []int{n.Line}
	}
	return find(n, rest)
}

func inMapping(n *yaml.Node, key string) (lines []int) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		have := n.Content[i].Value
		if have == key {
			lines = append(lines, n.Content[i].Line)
		} else if rest, ok := strings.CutPrefix(key, have+"."); ok {
			lines = append(lines, find(n.Content[i+1], rest)...)
		}
	}
	return lines
}
