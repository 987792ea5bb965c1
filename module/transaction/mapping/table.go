package mapping

import (
	_ "embed" // for the types
	"strings"
)

// types are the types of all fields, a line each: the type and the name.
//
//go:embed types.txt
var types string

// Table knows the types of all fields. It is safe for concurrent use.
type Table struct{ root node }

// node is a field, or an object of fields.
type node struct {
	kind     string // type of the field, "" for an object that only has fields
	children map[string]*node
}

// New returns the table of the fields that the program defines.
func New() *Table {
	t := &Table{}
	for line := range strings.Lines(types) {
		kind, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		n := &t.root
		for part := range strings.SplitSeq(name, ".") {
			n = n.child(part)
		}
		n.kind = kind
	}
	return t
}

// child returns the node of a name, a new one if there is none.
func (n *node) child(name string) *node {
	c := n.children[name]
	if c == nil {
		if n.children == nil {
			n.children = map[string]*node{}
		}
		c = &node{}
		n.children[name] = c
	}
	return c
}

// find returns the node of a name, which may have dots, or nil.
func (n *node) find(name string) *node {
	for part := range strings.SplitSeq(name, ".") {
		if n = n.children[part]; n == nil {
			return nil
		}
	}
	return n
}
