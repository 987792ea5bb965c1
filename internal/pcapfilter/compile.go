package pcapfilter

import (
	"fmt"

	"golang.org/x/net/bpf"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

const (
	// maxExpr, in bytes, is far above what 4096 instructions can express.
	maxExpr = 64 << 10
	// maxDepth bounds the nesting of parentheses, "not" and unary minus.
	maxDepth = 200
	// maxTests bounds the primitives, and with them the work before the length
	// of the program is known.
	maxTests = 4096
	// maxProgram, in instructions, is BPF_MAXINSNS of the Linux kernel.
	maxProgram = 4096
	// defaultSnap, in bytes, is what tcpdump keeps if its snap length is 0.
	defaultSnap = 262144
)

// Compile compiles expr for frames of the given link type. The program returns
// snap, in bytes, for an accepted frame and 0 for a rejected one; a snap of 0
// means 262144, as in tcpdump. The empty expression accepts every frame. The
// keyword len is the length of the whole frame in the kernel and of the given
// bytes in [bpf.VM].
//
// The error is an [*Error]. Compile keeps no state and is safe for concurrent
// use; the result belongs to the caller.
func Compile(expr string, link packet.Link, snap uint32) ([]bpf.Instruction, error) {
	if snap == 0 {
		snap = defaultSnap
	}
	if len(expr) > maxExpr {
		return nil, &Error{Expr: expr, Offset: maxExpr,
			What: "the expression is longer than 65536 bytes", Hint: "write fewer tests"}
	}
	lay, ok := layoutOf(link)
	if !ok {
		return nil, &Error{Expr: expr, What: fmt.Sprintf("link type %d is not supported", link),
			Hint: "capture Ethernet, raw IP, cooked or loopback frames"}
	}
	toks, err := scan(expr)
	if err != nil {
		return nil, err
	}
	p := &parser{expr: expr, toks: toks, lay: lay, pairs: pairs(toks)}
	n := p.program()
	if p.err != nil {
		return nil, p.err
	}
	prog, what := generate(n, snap)
	if what != "" {
		return nil, &Error{Expr: expr, What: what, Hint: "check the expression against the link type, or write fewer tests"}
	}
	return prog, nil
}
