package dnstest

import "sync"

// Gate holds handlers back until it is opened. The zero value is not ready for
// use.
type Gate struct {
	once sync.Once
	ch   chan struct{}
}

// NewGate returns a closed gate.
func NewGate() *Gate { return &Gate{ch: make(chan struct{})} }

// Open opens the gate for good.
func (g *Gate) Open() { g.once.Do(func() { close(g.ch) }) }

// Hold waits until the gate is open before it calls do. If the test ends first, do
// is not called.
func (g *Gate) Hold(do Handler) Handler {
	return func(x *Exchange) {
		select {
		case <-g.ch:
			do(x)
		case <-x.Done():
		}
	}
}

// After opens the gate once do has returned.
func (g *Gate) After(do Handler) Handler {
	return func(x *Exchange) {
		do(x)
		g.Open()
	}
}

// IsOpen reports whether the gate is open.
func (g *Gate) IsOpen() bool {
	select {
	case <-g.ch:
		return true
	default:
		return false
	}
}
