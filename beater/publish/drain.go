package publish

import (
	"io"
	"sync"

	"github.com/elastic/beats/v7/libbeat/beat"
)

// DrainingPipeline stands in for libbeat's pipeline, which is closed before the
// beater's Stop is called: whatever a beater flushes after that is lost, in
// packetbeat every live flow. Here, closing the pipeline lets the beater finish first.
type DrainingPipeline struct {
	beat.Pipeline
	// Finish stops the beater and returns when everything is delivered.
	Finish func()
	once   sync.Once
}

var _ io.Closer = (*DrainingPipeline)(nil) // type check

// Close implements io.Closer, as libbeat calls it on a signal.
func (p *DrainingPipeline) Close() error {
	p.Finish()
	return p.Abort()
}

// Abort closes libbeat's pipeline, once: its own Close may not be called
// twice.
func (p *DrainingPipeline) Abort() (err error) {
	p.once.Do(func() {
		if c, ok := p.Pipeline.(io.Closer); ok {
			err = c.Close()
		}
	})
	return err
}
