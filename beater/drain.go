package beater

import (
	"io"
	"sync"

	"github.com/elastic/beats/v7/libbeat/beat"
)

// drainingPipeline stands in for libbeat's pipeline, which is closed before the
// beater is told to stop: whatever a beater flushes after that is lost, in
// packetbeat every live flow. Here, the close first lets the beater finish.
type drainingPipeline struct {
	beat.Pipeline
	finish func() // stops the beater and returns when everything is delivered
	once   sync.Once
}

var _ io.Closer = (*drainingPipeline)(nil) // type check

// Close implements io.Closer, as libbeat calls it on a signal.
func (p *drainingPipeline) Close() error {
	p.finish()
	return p.closeInner()
}

// closeInner closes libbeat's pipeline, once: its own Close may not be called
// twice.
func (p *drainingPipeline) closeInner() (err error) {
	p.once.Do(func() {
		if c, ok := p.Pipeline.(io.Closer); ok {
			err = c.Close()
		}
	})
	return err
}
