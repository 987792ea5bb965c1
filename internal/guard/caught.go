package guard

import "runtime/debug"

// Caught is a panic that a process of the program has recovered from.
type Caught struct {
	Value string // of the panic, cut
	Hash  string // of the place, 12 hexadecimal digits
	Stack string
	Input []byte // may be nil
}

// Catch describes a panic with the value v for [Part.Report] in another process. It
// must be called by the deferred function that has recovered, while the stack is
// still that of the panic.
func Catch(v any, input []byte) Caught {
	return Caught{Value: describe(v), Hash: stackHash(), Stack: string(debug.Stack()), Input: input}
}

// Report handles a panic that another process has recovered from as if it were one of
// this process: it is counted, logged, and may stop the part.
func (p *Part) Report(c *Caught) {
	if p == nil {
		return
	}
	p.panics.Add(1)
	k := p.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.isNew(c.Hash) {
		k.note(p, c)
	}
	p.stopIfFrequent()
}
