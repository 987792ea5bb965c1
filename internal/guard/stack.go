package guard

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
)

// isNew reports whether a stack is to be logged, the first time that it is asked. It is
// called with the keeper locked.
func (k *Keeper) isNew(hash string) bool {
	if k.seen[hash] || len(k.seen) >= maxStacks {
		return false
	}
	k.seen[hash] = true
	return true
}

// note logs a panic and keeps its input. It is called with the keeper locked.
func (k *Keeper) note(p *Part, c *Caught) {
	path, err := k.keep(p.name, c.Hash, c.Input)
	if err != nil {
		k.conf.Logger.Warn("keeping the input of a panic", "part", p.name, "error", err.Error())
	}
	k.conf.Logger.Error("recovered from a panic", "part", p.name, "panic", c.Value, "input", path,
		"stack", c.Stack)
}

// describe returns the value of a panic, cut: it may contain the input.
func describe(v any) string {
	const most = 512
	s := fmt.Sprint(v)
	return s[:min(len(s), most)]
}

// hashedFrames is how many frames above the panic make two stacks distinct. A
// recursion would have as many stacks as depths.
const hashedFrames = 8

// stackHash returns a hash of where the panic came from: the same in every run of
// the same binary.
func stackHash() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	var lines []string
	panicking := false
	for more := true; more && len(lines) < hashedFrames; {
		var f runtime.Frame
		f, more = frames.Next()
		inRuntime := strings.HasPrefix(f.Function, "runtime.")
		switch {
		case f.Function == "runtime.gopanic":
			panicking, lines = true, nil
		case panicking && !inRuntime:
			lines = append(lines, fmt.Sprintf("%s:%d", f.Function, f.Line))
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:6])
}
