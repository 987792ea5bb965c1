package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Config holds the settings of a [Group].
type Config struct {
	// Tasks in the order in which they stop: a task comes before those that take
	// what it produces.
	Tasks []Task
	// Timeout bounds a stop that was asked for or that a failure caused; 0 means
	// no bound. Tasks that end by themselves without an error may take their time.
	Timeout time.Duration
	// OnLate, if not nil, is called once when Timeout is over, before the tasks
	// learn of it. It may close what tasks are blocked on.
	OnLate func()
	// Notify, if not nil, takes the states of sd_notify(3): see [Notify].
	Notify func(state string) error
	// Logger must not be nil.
	Logger *slog.Logger
}

// Group runs tasks together. The first that ends, for whatever reason, stops all
// of them.
type Group struct {
	conf     Config
	late     chan struct{}
	finished chan struct{} // closed when every task has returned, or was abandoned
}

// NewGroup returns a group that has not been started.
func NewGroup(conf Config) *Group {
	return &Group{conf: conf, late: make(chan struct{}), finished: make(chan struct{})}
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
// after ctx ends, or after one of them did. It returns their errors, joined.
func (g *Group) Run(ctx context.Context) error {
	defer close(g.finished)
	ended := make(chan *running, len(g.conf.Tasks))
	all := g.start(ctx, ended)
	go g.announce(all)
	if g.wait(ctx, ended) {
		go g.limit()
	} else {
		context.AfterFunc(ctx, g.limit)
	}
	g.notify("STOPPING=1")
	return g.stop(all)
}

// start runs each task in a goroutine and a context of its own.
func (g *Group) start(ctx context.Context, ended chan<- *running) []*running {
	all := make([]*running, len(g.conf.Tasks))
	base := WithLate(context.WithoutCancel(ctx), g.late)
	for i := len(all) - 1; i >= 0; i-- {
		own, cancel := context.WithCancel(base)
		r := &running{task: g.conf.Tasks[i], cancel: cancel, done: make(chan struct{})}
		all[i] = r
		go func() {
			r.err = r.task.Run(own)
			close(r.done)
			ended <- r
		}()
	}
	return all
}

// wait waits until ctx or a task ends. It reports whether the stop is bounded.
func (g *Group) wait(ctx context.Context, ended <-chan *running) (bounded bool) {
	select {
	case <-ctx.Done():
		return true
	case r := <-ended:
		if r.err != nil {
			g.conf.Logger.Error("task failed", "task", r.task.String(), "error", r.err.Error())
		}
		return r.err != nil
	}
}

// announce tells systemd once every task is ready.
func (g *Group) announce(all []*running) {
	for _, r := range all {
		select {
		case <-r.task.Ready():
		case <-g.finished:
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

// limit ends the time for stopping.
func (g *Group) limit() {
	if g.conf.Timeout <= 0 {
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

// await waits for a task that was told to stop.
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
