package pcapfilter

import "golang.org/x/net/bpf"

// field is a value that one load, and perhaps a mask, brings into the accumulator.
// Two equal fields have the same value in the same frame.
type field struct {
	off      uint32 // bytes into the frame, or after the IPv4 header at l3
	size     int    // 1, 2 or 4 bytes; 0 is the frame's length
	mask     uint32 // all ones if nothing is masked
	indirect bool   // off counts from the end of the IPv4 header whose start is l3, plus l3
	l3       uint32 // only with indirect
}

const allOnes = 0xffffffff

// farOffset is beyond every frame. It replaces greater offsets, which the
// kernel would take for its extensions.
const farOffset = 0x7fffffff

// at returns the field of size bytes at off bytes into the frame.
func at(off uint32, size int) field { return field{off: off, size: size, mask: allOnes} }

// masked returns f with a mask.
func (f field) masked(mask uint32) field {
	f.mask &= mask
	return f
}

// load returns the instruction that brings the value, without its mask, into
// the accumulator; an indirect field expects the header length in X.
func (f field) load() bpf.Instruction {
	off := min(f.off, farOffset)
	switch {
	case f.size == 0:
		return bpf.LoadExtension{Num: bpf.ExtLen}
	case f.indirect:
		return bpf.LoadIndirect{Off: off, Size: f.size}
	}
	return bpf.LoadAbsolute{Off: off, Size: f.size}
}

// headerLen returns the instruction that puts the IPv4 header's length into X.
func headerLen(l3 uint32) bpf.Instruction { return bpf.LoadMemShift{Off: min(l3, farOffset)} }

// condition is a comparison that classic BPF has.
type condition int

const (
	equal condition = iota
	greater
	greaterOrEqual
	anyBit
)

// holds reports whether the condition is true of a and b.
func (c condition) holds(a, b uint32) bool {
	switch c {
	case equal:
		return a == b
	case greater:
		return a > b
	case greaterOrEqual:
		return a >= b
	}
	return a&b != 0
}

// jump returns the condition as a jump of classic BPF.
func (c condition) jump() bpf.JumpTest {
	return [...]bpf.JumpTest{bpf.JumpEqual, bpf.JumpGreaterThan, bpf.JumpGreaterOrEqual, bpf.JumpBitsSet}[c]
}

// test compares a value with a number. The value is field, or what code leaves
// in the accumulator; code may also leave the number in X.
type test struct {
	field field
	code  []bpf.Instruction // used instead of field if not nil
	cond  condition
	val   uint32
	withX bool
}

type nodeKind int

const (
	leafNode nodeKind = iota
	andNode
	orNode
	notNode
	constNode
)

// node is a boolean expression. A nil node stands for an expression that could
// not be compiled; the parser holds the error then.
type node struct {
	kind  nodeKind
	test  test  // of a leaf
	value bool  // of a constant
	a, b  *node // operands, a is evaluated first
}

// constant returns a node with a known value.
func constant(v bool) *node { return &node{kind: constNode, value: v} }

// leaf returns a node that compares f with val.
func leaf(f field, c condition, val uint32) *node {
	return &node{kind: leafNode, test: test{field: f, cond: c, val: val}}
}

func equals(f field, val uint32) *node { return leaf(f, equal, val) }

// not returns the negation of n.
func not(n *node) *node {
	switch {
	case n == nil:
		return nil
	case n.kind == constNode:
		return constant(!n.value)
	case n.kind == notNode:
		return n.a
	}
	return &node{kind: notNode, a: n}
}

// and joins the nodes from left to right. A constant replaces a node only if that
// skips no load that may end the program.
func and(nodes ...*node) *node { return join(andNode, nodes) }

// or joins the nodes from left to right, with the rule of and for constants.
func or(nodes ...*node) *node { return join(orNode, nodes) }

// join implements and and or.
func join(kind nodeKind, nodes []*node) *node {
	neutral := kind == andNode
	res := nodes[0]
	for _, n := range nodes[1:] {
		switch {
		case res == nil || n == nil:
			return nil
		case res.kind == constNode && res.value == neutral:
			res = n
		case res.kind == constNode, n.kind == constNode && n.value == neutral:
		default:
			res = &node{kind: kind, a: res, b: n}
		}
	}
	return res
}

// unmasked returns f without its mask.
func (f field) unmasked() field {
	f.mask = allOnes
	return f
}
