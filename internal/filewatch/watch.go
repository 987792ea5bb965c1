package filewatch

import (
	"context"
	"time"
)

// PollInterval is how often [Watch] reports a change that inotify has not reported.
const PollInterval = 30 * time.Second

// A Func watches the file at path until ctx ends. The channel that it returns receives at
// once, whenever the file may have changed, and from time to time: a receiver must look
// for itself. Changes are coalesced until they are received. The channel is closed when
// ctx has ended and all resources are released.
type Func func(ctx context.Context, path string) <-chan struct{}

// Watch is the [Func] that uses inotify, and a poll every [PollInterval]. Without inotify
// it only polls.
func Watch(ctx context.Context, path string) <-chan struct{} {
	changed := make(chan struct{}, 1)
	go func() {
		defer close(changed)
		for ctx.Err() == nil {
			if watchOnce(ctx, path, changed) != nil {
				sleep(ctx, PollInterval)
			}
		}
	}()
	return changed
}

// Poll returns a [Func] that reports a change at every interval and does not use inotify.
func Poll(interval time.Duration) Func {
	return func(ctx context.Context, _ string) <-chan struct{} {
		changed := make(chan struct{}, 1)
		go func() {
			defer close(changed)
			for ctx.Err() == nil {
				notify(changed)
				sleep(ctx, interval)
			}
		}()
		return changed
	}
}

// notify reports a change. It does not block.
func notify(changed chan<- struct{}) {
	select {
	case changed <- struct{}{}:
	default:
	}
}

// sleep returns after d, or when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
