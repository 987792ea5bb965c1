package pcapfilter

import "slices"

// The targets that end the program.
const (
	accept = -1
	reject = -2
)

// block is one test with the blocks that follow it; yes and no are indexes of
// smaller blocks, or accept or reject.
type block struct {
	test    test
	yes, no int
}

// graph holds blocks that only lead to blocks of a smaller index, so that the
// order from the last to the first has forward jumps alone.
type graph []block

// add adds the blocks of n, which lead to the targets yes and no, and returns the
// first one.
func (g *graph) add(n *node, yes, no int) int {
	switch n.kind {
	case constNode:
		if n.value {
			return yes
		}
		return no
	case notNode:
		return g.add(n.a, no, yes)
	case andNode:
		return g.add(n.a, g.add(n.b, yes, no), no)
	case orNode:
		return g.add(n.a, yes, g.add(n.b, yes, no))
	}
	*g = append(*g, block{test: n.test, yes: yes, no: no})
	return len(*g) - 1
}

// maxFacts bounds the facts of a path, to keep the work linear. A fact that is
// dropped costs only an instruction.
const maxFacts = 8

// maxSteps bounds how far an edge looks for its target, for the same reason.
const maxSteps = 64

// fact is what is known on a path about a field that was loaded: its value, or
// values that it does not have. The latter are kept when the value becomes known,
// because two paths with different values may share them.
type fact struct {
	field field
	known bool
	val   uint32
	isNot []uint32
}

type facts []fact

// find returns the fact about f.
func (fs facts) find(f field) (fact, bool) {
	for _, x := range fs {
		if x.field == f {
			return x, true
		}
	}
	return fact{}, false
}

// decide returns the outcome of a test; ok is false if the facts do not determine
// it.
func (fs facts) decide(t test) (outcome, ok bool) {
	if t.code != nil {
		return false, false
	}
	x, ok := fs.find(t.field)
	if !ok {
		return false, false
	}
	if x.known {
		return t.cond.holds(x.val, t.val), true
	}
	return false, t.cond == equal && x.excludes(t.val)
}

// with returns the facts after t had the outcome. It never changes fs.
func (fs facts) with(t test, outcome bool) facts {
	if t.code != nil || t.cond != equal {
		return fs
	}
	x := fact{field: t.field}
	if old, ok := fs.find(t.field); ok {
		x = old
	}
	if outcome {
		x.known, x.val = true, t.val
	} else if len(x.isNot) < maxFacts {
		x.isNot = append(x.isNot[:len(x.isNot):len(x.isNot)], t.val)
	}
	res := facts{x}
	for _, y := range fs {
		if y.field != t.field && len(res) < maxFacts {
			res = append(res, y)
		}
	}
	return res
}

// common returns the facts that hold on both paths.
func common(a, b facts) facts {
	var res facts
	for _, x := range a {
		y, ok := b.find(x.field)
		if !ok {
			continue
		}
		z := fact{field: x.field, isNot: excluded(x, y)}
		if x.known && y.known && x.val == y.val {
			z.known, z.val = true, x.val
		}
		if z.known || len(z.isNot) > 0 {
			res = append(res, z)
		}
	}
	return res
}

// excluded returns the values that the field has on neither path.
func excluded(x, y fact) []uint32 {
	var res []uint32
	for _, v := range x.isNot {
		if y.excludes(v) {
			res = append(res, v)
		}
	}
	for _, v := range y.isNot {
		if x.excludes(v) && !slices.Contains(res, v) {
			res = append(res, v)
		}
	}
	return res
}

// excludes reports whether the field cannot have the value v.
func (x fact) excludes(v uint32) bool {
	return x.known && x.val != v || slices.Contains(x.isNot, v)
}

// thread makes every edge skip the tests whose outcome is known on its path. It
// returns which blocks can still be reached from start.
func (g graph) thread(start int) []bool {
	reached := make([]bool, len(g))
	in := make([]facts, len(g))
	if start >= 0 {
		reached[start] = true
	}
	for i := start; i >= 0; i-- {
		if !reached[i] {
			continue
		}
		g[i].yes = g.follow(g[i].yes, in[i].with(g[i].test, true), reached, in)
		g[i].no = g.follow(g[i].no, in[i].with(g[i].test, false), reached, in)
		in[i] = nil
	}
	return reached
}

// follow returns the block, or the end, that is reached from target by the tests
// that the facts decide.
func (g graph) follow(target int, known facts, reached []bool, in []facts) int {
	for range maxSteps {
		if target < 0 {
			return target
		}
		outcome, ok := known.decide(g[target].test)
		if !ok {
			break
		}
		if outcome {
			target = g[target].yes
		} else {
			target = g[target].no
		}
	}
	if target < 0 {
		return target
	}
	if reached[target] {
		in[target] = common(in[target], known)
	} else {
		reached[target], in[target] = true, known
	}
	return target
}
