package blocky

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"gopkg.in/yaml.v3"
)

// node is a value in a configuration. A nil *node is an absent value.
type node struct {
	path   string // dotted; items of a list are numbered from 0
	text   string // of a scalar, as it stands in the file
	scalar bool
	keys   []string // of a mapping, in the order of the file
	fields map[string]*node
	items  []*node
	read   bool // the value has been translated, or a warning names it
}

// tree is a configuration that records which values were read.
type tree struct{ root *node }

// The bounds of a configuration. An alias can make a small text as large as it likes.
const (
	maxNodes = 200_000
	maxDepth = 50
)

// errTooLarge means that a configuration exceeds those bounds.
var errTooLarge = errors.New("it has too many values, or is nested too deeply")

// errEmpty means that there is no mapping in a file.
var errEmpty = errors.New("it is empty")

// readTree reads a configuration.
func readTree(text []byte) (*tree, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, next yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, errEmpty
	} else if err != nil {
		return nil, err
	}
	if err := d.Decode(&next); !errors.Is(err, io.EOF) {
		return nil, errors.Join(errors.New("it has more than one YAML document; only one can be translated"), err)
	}
	b := builder{left: maxNodes}
	root, err := b.build("", &doc, 0)
	if err != nil {
		return nil, err
	}
	if root == nil || root.fields == nil && root.text == "" && root.items == nil {
		return nil, errEmpty
	}
	if root.fields == nil {
		return nil, errors.New("it is not a mapping of keys to values")
	}
	if len(root.keys) == 0 {
		return nil, errEmpty
	}
	return &tree{root}, nil
}

// builder makes nodes of YAML.
type builder struct{ left int }

// build returns the node of a YAML value, nil for null.
func (b *builder) build(path string, y *yaml.Node, depth int) (*node, error) {
	if b.left--; b.left < 0 || depth > maxDepth {
		return nil, errTooLarge
	}
	switch y.Kind {
	case yaml.DocumentNode:
		return b.build(path, y.Content[0], depth)
	case yaml.AliasNode:
		return b.build(path, y.Alias, depth+1)
	case yaml.MappingNode:
		n := &node{path: path, fields: map[string]*node{}}
		return n, b.mapping(n, y, depth, false)
	case yaml.SequenceNode:
		n := &node{path: path, items: []*node{}}
		for i, one := range y.Content {
			item, err := b.build(fmt.Sprintf("%s.%d", path, i), one, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
		}
		return n, nil
	}
	if y.ShortTag() == "!!null" {
		return nil, nil
	}
	return &node{path: path, text: y.Value, scalar: true}, nil
}

// mapping adds the pairs of a YAML mapping to n: its own ones first, because those
// that are merged ("<<") do not replace others.
func (b *builder) mapping(n *node, y *yaml.Node, depth int, merged bool) error {
	var merges []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.ShortTag() == "!!merge" {
			merges = append(merges, value)
			continue
		}
		if key.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: a key is not a text", key.Line)
		}
		if err := b.pair(n, key, value, depth, merged); err != nil {
			return err
		}
	}
	for _, m := range merges {
		if err := b.merge(n, m, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) pair(n *node, key, value *yaml.Node, depth int, merged bool) error {
	name := key.Value
	if _, have := n.fields[name]; have && merged {
		return nil
	} else if have {
		return fmt.Errorf("line %d: the key %q is there twice", key.Line, name)
	}
	child, err := b.build(strings.TrimPrefix(n.path+"."+name, "."), value, depth+1)
	if err != nil {
		return err
	}
	n.keys = append(n.keys, name)
	n.fields[name] = child
	return nil
}

// merge adds the pairs of a mapping, or of several, that n does not have.
func (b *builder) merge(n *node, y *yaml.Node, depth int) error {
	if b.left--; b.left < 0 || depth > maxDepth {
		return errTooLarge
	}
	switch y.Kind {
	case yaml.AliasNode:
		return b.merge(n, y.Alias, depth+1)
	case yaml.MappingNode:
		return b.mapping(n, y, depth, true)
	case yaml.SequenceNode:
		for _, one := range y.Content {
			if err := b.merge(n, one, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("line %d: only a mapping can be merged", y.Line)
}
