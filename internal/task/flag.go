package task

import "sync"

// onceFlag is a flag that is set once and can be waited for. The zero value is
// not set.
type onceFlag struct {
	mu sync.Mutex
	ch chan struct{}
	on bool
}

// done returns a channel that is closed when the flag is set.
func (f *onceFlag) done() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.channel()
}

func (f *onceFlag) set() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ch := f.channel(); !f.on {
		f.on = true
		close(ch)
	}
}

func (f *onceFlag) channel() chan struct{} {
	if f.ch == nil {
		f.ch = make(chan struct{})
	}
	return f.ch
}
