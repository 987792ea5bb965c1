package beater

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// execute runs the stages until the source ends or ctx does, and then brings
// what is left to the output.
func (r *run) execute(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	late, finished := r.deadline(ctx), make(chan struct{})
	defer close(finished)
	go r.abortAt(late, finished)

	stopOthers := r.startOthers()
	published := make(chan struct{})
	go func() {
		defer close(published)
		_ = r.publisher.Run(ctx)
	}()
	stopAnalysis := r.startAnalysis(late)
	stopResolver := r.dns.start(r.slog(), stop)
	fault := errors.Join(r.meter.Run(ctx), r.closeDump())
	r.interrupted = ctx.Err() != nil
	if r.live {
		if fault != nil {
			r.log.Errorw("capture failed", "error", fault.Error())
		}
		stop() // nothing more comes: the rest has shutdown_timeout
	}
	<-published
	stopAnalysis()
	stopResolver(late)
	stopOthers(late)
	r.settle(late)
	return errors.Join(fault, r.dns.fault(), r.source.Close())
}

// closeDump finishes the files of --dump.
func (r *run) closeDump() error {
	if r.dump == nil {
		return nil
	}
	return r.dump.Close()
}

// startOthers starts what runs beside the flows. The function that it returns
// ends it, after a last stats event.
func (r *run) startOthers() (stop func(late <-chan struct{})) {
	background, cancel := context.WithCancel(context.Background())
	var others sync.WaitGroup
	r.startInventory(background, &others)
	r.verdicts.start(background, &others)
	r.startStats(background, &others)
	stopProgress := r.startProgress()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for d := range r.sides {
			r.side.Publish(d)
		}
	}()
	return func(late <-chan struct{}) {
		stopProgress()
		cancel()
		others.Wait()
		select {
		case r.sides <- r.stats(true):
		case <-late:
			r.sideDropped.Add(1)
		}
		close(r.sides)
		<-sent
	}
}

// settle waits until the output has what was published.
func (r *run) settle(late <-chan struct{}) {
	r.flowAcks.wait(r.patience, late)
	r.transactionAcks.wait(r.patience, late)
	r.sideAcks.wait(r.patience, late)
	r.dns.settle(r.patience, late)
	if r.analysis != nil {
		r.analysis.Close()
	}
	r.sink.Close()
	r.side.Close()
	r.failed = r.outputFailures() // libbeat forgets its counters when it closes
	r.abort()                     // sends what waits for a full batch
	r.flowAcks.wait(patienceLocal, late)
}

// abortAt closes libbeat's pipeline when it is late. Only that lets go a Publish
// that waits for room in libbeat's queue; closing the client does not. What is
// left then is counted.
func (r *run) abortAt(late, finished <-chan struct{}) {
	select {
	case <-late:
		r.abort()
	case <-finished:
	}
}

// How long the output may show no progress at the end before its queue is
// closed, which makes it send what waits for a full batch and gives it one more
// second. A file has nothing to wait for; a server may take its time, which
// shutdown_timeout bounds after a signal.
const (
	patienceLocal  = 25 * time.Millisecond
	patienceRemote = 24 * time.Hour
)

// deadline returns a channel that is closed shutdown_timeout after ctx has
// ended: a replay may take its time, a stop may not.
func (r *run) deadline(ctx context.Context) <-chan struct{} {
	late := make(chan struct{})
	context.AfterFunc(ctx, func() {
		time.AfterFunc(r.settings.ShutdownTimeout.D(), func() { close(late) })
	})
	return late
}

// undelivered is the number of events that were left behind at the end.
func (r *run) undelivered() uint64 {
	q := r.queue.Stats()
	return r.flowAcks.missing() + r.sideAcks.missing() + r.transactionAcks.missing() + uint64(q.Waiting) + q.FinalDropped + r.dns.missing() +
		r.sideDropped.Load() + r.failed
}

// lost returns an error when events were left behind at the end.
func (r *run) lost() error {
	if n := r.undelivered(); n > 0 {
		return fmt.Errorf("%d events did not reach the output", n)
	}
	return nil
}
