package task_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/task"
)

var errDisk = errors.New("disk on fire")

// fake is a task of which OnRun is what Run does. It is ready from the start if
// ready is set.
type fake struct {
	task.Started
	name  string
	ready bool
	OnRun func(ctx context.Context) error
}

var _ task.Task = (*fake)(nil) // type check

func (f *fake) String() string { return f.name }

func (f *fake) Run(ctx context.Context) error {
	if f.ready {
		f.MarkReady()
	}
	return f.OnRun(ctx)
}

// events is a list that several goroutines write.
type events struct {
	mu   sync.Mutex
	list []string
}

func (e *events) add(s string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, s)
}

func (e *events) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.list...)
}

// until returns a task that runs until ctx ends and takes a while to stop.
func (e *events) until(name string, while time.Duration) *fake {
	return &fake{name: name, ready: true, OnRun: func(ctx context.Context) error {
		e.add("start " + name)
		<-ctx.Done()
		e.add("stop " + name)
		time.Sleep(while)
		e.add("end " + name)
		return nil
	}}
}

// ends returns a task that ends by itself.
func ends(name string, after time.Duration, err error) *fake {
	return &fake{name: name, ready: true, OnRun: func(ctx context.Context) error {
		select {
		case <-time.After(after):
			return err
		case <-ctx.Done():
			return nil
		}
	}}
}

// notify is a Config.Notify.
func (e *events) notify(state string) error {
	e.add(state)
	return nil
}

// group is a group that runs in a bubble.
type group struct {
	cancel context.CancelFunc
	result chan error
}

func start(conf task.Config) *group {
	conf.Logger = slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(context.Background())
	g := &group{cancel: cancel, result: make(chan error, 1)}
	go func() { g.result <- task.NewGroup(conf).Run(ctx) }()
	return g
}

// wait waits for Run, and returns how long that took and its result.
func (g *group) wait() (took time.Duration, err error) {
	began := time.Now()
	err = <-g.result
	g.cancel()
	return time.Since(began), err
}

// bubble runs a test in parallel and under a clock of its own. A goroutine that is
// left behind fails it.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Parallel()
	synctest.Test(t, f)
}
