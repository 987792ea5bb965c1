package task_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/task"
)

// waits returns a task that stops only when it is late.
func (e *events) waits(name string) *fake {
	return &fake{name: name, ready: true, OnRun: func(ctx context.Context) error {
		<-ctx.Done()
		<-task.Late(ctx)
		e.add(name + " is late")
		return nil
	}}
}

// TestGroup_Run_late lets tasks give up when the time is over.
func TestGroup_Run_late(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var e events
		g := start(task.Config{Tasks: []task.Task{e.waits("publisher"), e.waits("sink")}, Timeout: 5 * time.Second,
			OnLate: func() { e.add("OnLate") }})
		synctest.Wait()
		g.cancel()
		if took, err := g.wait(); err != nil || took != 5*time.Second {
			t.Errorf("Run = %v after %v; want nil after 5s", err, took)
		}
		if diff := cmp.Diff([]string{"OnLate", "publisher is late", "sink is late"}, e.all()); diff != "" {
			t.Errorf("events mismatch (-want +got):\n%s", diff)
		}
	})
}

// TestGroup_Run_inTime does not call OnLate if the stop takes less than the
// timeout, and leaves no goroutine or timer behind.
func TestGroup_Run_inTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var e events
		g := start(task.Config{Tasks: []task.Task{e.until("one", 4*time.Second)}, Timeout: 5 * time.Second,
			OnLate: func() { t.Error("OnLate was called") }})
		synctest.Wait()
		g.cancel()
		if took, err := g.wait(); err != nil || took != 4*time.Second {
			t.Errorf("Run = %v after %v; want nil after 4s", err, took)
		}
		time.Sleep(time.Minute)
	})
}

// TestGroup_Run_bound bounds the stop from when the context ends or a task fails,
// not from when a task is done.
func TestGroup_Run_bound(t *testing.T) {
	tests := []struct {
		name    string
		timeout time.Duration
		other   task.Task     // ends at some time
		cancel  time.Duration // when the context ends, 0: never
		slow    time.Duration // how long the stop takes
		late    bool
	}{
		{"a task is done", 5 * time.Second, ends("file", time.Second, nil), 0, time.Hour, false},
		{"a task is done, then the context ends", 5 * time.Second, ends("file", time.Second, nil), time.Minute, time.Hour, true},
		{"a task fails", 5 * time.Second, ends("file", time.Second, errDisk), 0, time.Hour, true},
		{"a task fails, the stop is quick", 5 * time.Second, ends("file", time.Second, errDisk), 0, time.Second, false},
		{"the context ends", 5 * time.Second, ends("file", time.Hour, nil), time.Minute, time.Hour, true},
		{"no timeout", 0, ends("file", time.Hour, nil), time.Minute, time.Hour, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				late := false
				slow := &fake{name: "slow", OnRun: func(ctx context.Context) error {
					<-ctx.Done()
					select {
					case <-task.Late(ctx):
					case <-time.After(tt.slow):
					}
					return nil
				}}
				g := start(task.Config{Tasks: []task.Task{slow, tt.other}, Timeout: tt.timeout,
					OnLate: func() { late = true }})
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, g.cancel)
				}
				if took, _ := g.wait(); late != tt.late {
					t.Errorf("OnLate called = %v, Run took %v; want %v", late, took, tt.late)
				}
			})
		})
	}
}

// TestGroup_Run_failsMeanwhile bounds a stop that had no bound when a task fails
// on which the others may be waiting.
func TestGroup_Run_failsMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var e events
		g := start(task.Config{Timeout: 5 * time.Second, Tasks: []task.Task{
			e.waits("publisher"), ends("file", time.Second, nil), ends("sink", time.Minute, errDisk)}})
		if took, err := g.wait(); !errors.Is(err, errDisk) || took != 65*time.Second {
			t.Errorf("Run = %v after %v; want %v after 1m5s", err, took, errDisk)
		}
	})
}

// TestGroup_Run_abandoned stops the others if a task does not stop.
func TestGroup_Run_abandoned(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var e events
		release := make(chan struct{})
		stuck := &fake{name: "stuck", OnRun: func(context.Context) error {
			<-release
			return nil
		}}
		g := start(task.Config{Tasks: []task.Task{stuck, e.until("sink", 0)}, Timeout: 5 * time.Second})
		synctest.Wait()
		g.cancel()
		took, err := g.wait()
		if !errors.Is(err, task.ErrAbandoned) || err.Error() != "stuck: did not stop in time" || took != 6*time.Second {
			t.Errorf("Run = %v after %v; want stuck: %v after 6s", err, took, task.ErrAbandoned)
		}
		if diff := cmp.Diff([]string{"start sink", "stop sink", "end sink"}, e.all()); diff != "" {
			t.Errorf("events mismatch (-want +got):\n%s", diff)
		}
		close(release)
	})
}

// TestLate blocks forever in a context without a limit.
func TestLate(t *testing.T) {
	t.Parallel()
	if got := task.Late(context.Background()); got != nil {
		t.Errorf("Late = %v; want nil", got)
	}
	late := make(chan struct{})
	if got := task.Late(task.WithLate(context.Background(), late)); got != (<-chan struct{})(late) {
		t.Errorf("Late = %v; want the channel of WithLate", got)
	}
}
