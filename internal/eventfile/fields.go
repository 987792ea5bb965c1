package eventfile

import (
	"slices"
	"strings"
)

// Fields reads chosen fields of lines, without decoding the others: an event has some
// hundred values, of which a reader wants few. It is not safe for concurrent use.
type Fields struct {
	root node
	took []Value
}

// node is a field that is wanted, or that has fields inside that are.
type node struct {
	name     string // quoted
	index    int    // in Fields.took, -1 if the field itself is not wanted
	children []*node
}

// NewFields returns a reader of the fields with these paths, such as "qube.name". Each may
// be there once.
func NewFields(paths ...string) *Fields {
	f := &Fields{root: node{index: -1}, took: make([]Value, len(paths))}
	for i, path := range paths {
		n := &f.root
		for _, name := range strings.Split(path, ".") {
			n = n.make(`"` + name + `"`)
		}
		n.index = i
	}
	return f
}

// make returns the child with a name, which it adds if needed.
func (n *node) make(quoted string) *node {
	if i := slices.IndexFunc(n.children, func(c *node) bool { return c.name == quoted }); i >= 0 {
		return n.children[i]
	}
	c := &node{name: quoted, index: -1}
	n.children = append(n.children, c)
	return c
}

// child returns the child with a name as it stands in the line, nil if there is none. n may
// be nil.
func (n *node) child(quoted []byte, escaped bool) *node {
	if n == nil || len(n.children) == 0 {
		return nil
	}
	if escaped {
		quoted = slices.Concat([]byte{'"'}, textOf(quoted), []byte{'"'})
	}
	for _, c := range n.children {
		if string(quoted) == c.name {
			return c
		}
	}
	return nil
}

// Read reads a line, which must be one JSON object. The values are valid as long as the
// line is. If a field is there twice, the last one counts, as for most programs that read
// JSON.
func (f *Fields) Read(line []byte) error {
	clear(f.took)
	s := scanner{text: line, took: f.took}
	if !s.line(&f.root) {
		clear(f.took)
		return errJSON
	}
	return nil
}

// Value returns the value of the path with that index in the list that [NewFields] was
// given. It is the zero Value if the line has no such field.
func (f *Fields) Value(index int) Value { return f.took[index] }
