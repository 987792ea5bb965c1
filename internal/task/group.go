package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Config holds the settings of a [Group].
type Config struct {
	// Tasks in the order in which they stop: a task comes before those that take
	// what it produces.
	Tasks []Task
	// Timeout bounds a stop, from the end of the context or the first error of a
	// task on; 0 means no bound. A stop that a task caused by returning nil is not
	// bounded: what was read to its end is delivered, however long that takes.
	Timeout time.Duration
	// OnLate, if not nil, is called once when Timeout is over, before [Late] is
	// closed, in a goroutine of the group. It may close what tasks are blocked on.
	OnLate func()
	// Notify, if not nil, is called with READY=1 once all tasks are ready, unless
	// the stop has begun by then, and with STOPPING=1 when it begins: see [Notify].
	Notify func(state string) error
	// Logger must not be nil.
	Logger *slog.Logger
}

// Group runs tasks together. The first that ends, for whatever reason, stops all
// of them.
type Group struct {
	conf     Config
	failed   onceFlag      // a task returned an error
	stopping chan struct{} // closed when the stop begins
	late     chan struct{} // closed when the time for the stop is over
	finished chan struct{} // closed when every task has returned, or was abandoned
}

// NewGroup returns a group that has not been started.
func NewGroup(conf Config) *Group {
	return &Group{conf: conf, stopping: make(chan struct{}), late: make(chan struct{}), finished: make(chan struct{})}
}

// running is a started task.
type running struct {
	task   Task
	cancel context.CancelFunc
	done   chan struct{} // closed after err was set
	err    error
}

// abandonAfter is how long a task may go on after its time is over. It is still
// running then and its resources are lost, but the others can be stopped.
const abandonAfter = time.Second

// Run starts the tasks, last first, and blocks until all of them have returned:
// after ctx ends, or after one of them did. It returns their errors, joined, each
// with the name of its task. It must be called once only.
func (g *Group) Run(ctx context.Context) error {
	ended := make(chan struct{}, len(g.conf.Tasks))
	all := g.start(ctx, ended)
	var announcer, limiter sync.WaitGroup
	announcer.Go(func() { g.announce(all) })
	limiter.Go(func() { g.limit(ctx) })
	select {
	case <-ctx.Done():
	case <-ended:
	}
	close(g.stopping)
	announcer.Wait() // READY=1 must not follow STOPPING=1
	g.notify("STOPPING=1")
	err := g.stop(all)
	close(g.finished)
	limiter.Wait()
	return err
}

// start runs each task in a goroutine and a context of its own.
func (g *Group) start(ctx context.Context, ended chan<- struct{}) []*running {
	all := make([]*running, len(g.conf.Tasks))
	base := WithLate(context.WithoutCancel(ctx), g.late)
	for i := len(all) - 1; i >= 0; i-- {
		own, cancel := context.WithCancel(base)
		r := &running{task: g.conf.Tasks[i], cancel: cancel, done: make(chan struct{})}
		all[i] = r
		go func() {
			if r.err = r.task.Run(own); r.err != nil {
				g.conf.Logger.Error("task failed", "task", r.task.String(), "error", r.err.Error())
				g.failed.set()
			}
			close(r.done)
			ended <- struct{}{}
		}()
	}
	return all
}

// announce notifies systemd once every task is ready.
func (g *Group) announce(all []*running) {
	for _, r := range all {
		select {
		case <-r.task.Ready():
		case <-g.stopping:
			return
		}
	}
	g.notify("READY=1")
}

func (g *Group) notify(state string) {
	if g.conf.Notify == nil {
		return
	}
	if err := g.conf.Notify(state); err != nil {
		g.conf.Logger.Warn("notifying systemd", "error", err.Error())
	}
}

// limit ends the time for stopping. It starts to run when ctx ends or a task
// fails, be it while the others are being stopped.
func (g *Group) limit(ctx context.Context) {
	if g.conf.Timeout <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-g.failed.done():
	case <-g.finished:
		return
	}
	timer := time.NewTimer(g.conf.Timeout)
	defer timer.Stop()
	select {
	case <-timer.C:
		if g.conf.OnLate != nil {
			g.conf.OnLate()
		}
		close(g.late)
	case <-g.finished:
	}
}

// stop ends the tasks one after the other.
func (g *Group) stop(all []*running) error {
	var errs []error
	for _, r := range all {
		r.cancel()
		if err := g.await(r); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.task, err))
		}
	}
	return errors.Join(errs...)
}

// ErrAbandoned is what [Group.Run] returns for a task that did not stop in time.
var ErrAbandoned = errors.New("did not stop in time")

// await waits for a task whose context was canceled.
func (g *Group) await(r *running) error {
	select {
	case <-r.done:
		return r.err
	case <-g.late:
	}
	timer := time.NewTimer(abandonAfter)
	defer timer.Stop()
	select {
	case <-r.done:
		return r.err
	case <-timer.C:
		return ErrAbandoned
	}
}
