package publish

import (
	"context"
	"io"
	"sync"

	"github.com/elastic/beats/v7/libbeat/beat"
)

// DrainingPipeline stands in for libbeat's pipeline, which is closed before the
// beater's Stop is called: whatever a beater flushes after that is lost, in
// packetbeat every live flow. Here, closing the pipeline stops the beater's Run and lets it
// finish first. It is safe for concurrent use.
type DrainingPipeline struct {
	beat.Pipeline
	abort sync.Once

	// The context is kept because libbeat's Stop has no other way to reach Run,
	// and may come before it.
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{} // closed when Run has delivered everything

	mu      sync.Mutex
	running bool // guarded by mu
}

var _ io.Closer = (*DrainingPipeline)(nil) // type check

// Drain puts a pipeline in the place of that of b.
func Drain(b *beat.Beat) *DrainingPipeline {
	p := &DrainingPipeline{Pipeline: b.Publisher, done: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	b.Publisher = p
	return p
}

// Context returns the context of the beater's Run, which ends when that is to stop.
func (p *DrainingPipeline) Context() context.Context { return p.ctx }

// Begin is called at the beginning of Run, once. It reports whether Run may begin: a
// signal may have come before it.
func (p *DrainingPipeline) Begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = p.ctx.Err() == nil
	return p.running
}

// End is called at the end of Run, once, when everything is delivered.
func (p *DrainingPipeline) End() { close(p.done) }

// Stop ends the context of Run, and does not wait.
func (p *DrainingPipeline) Stop() { p.cancel() }

// Close implements io.Closer, as libbeat calls it on a signal. It waits for the end of
// Run; before Run there is nothing to wait for.
func (p *DrainingPipeline) Close() error {
	p.cancel()
	p.mu.Lock()
	running := p.running
	p.mu.Unlock()
	if running {
		<-p.done
	}
	return p.Abort()
}

// Abort closes libbeat's pipeline, once: its own Close may not be called
// twice.
func (p *DrainingPipeline) Abort() (err error) {
	p.abort.Do(func() {
		if c, ok := p.Pipeline.(io.Closer); ok {
			err = c.Close()
		}
	})
	return err
}
