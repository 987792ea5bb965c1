package task_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/task"
)

// TestGroup_Run_order stops a task only after the one before it has ended.
func TestGroup_Run_order(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var e events
		g := start(task.Config{Tasks: []task.Task{
			e.until("meter", time.Second), e.until("publisher", time.Second), e.until("sink", 0)}})
		synctest.Wait()
		g.cancel()
		if took, err := g.wait(); err != nil || took != 2*time.Second {
			t.Errorf("Run = %v after %v; want nil after 2s", err, took)
		}
		var stops []string
		for _, s := range e.all() {
			if !strings.HasPrefix(s, "start ") {
				stops = append(stops, s)
			}
		}
		want := []string{"stop meter", "end meter", "stop publisher", "end publisher", "stop sink", "end sink"}
		if diff := cmp.Diff(want, stops); diff != "" {
			t.Errorf("stops mismatch (-want +got):\n%s", diff)
		}
	})
}

// TestGroup_Run_values hands the values of the context to the tasks, but not its
// end, which would stop all of them at once.
func TestGroup_Run_values(t *testing.T) {
	bubble(t, func(t *testing.T) {
		type key struct{}
		var got any
		f := &fake{name: "one", OnRun: func(ctx context.Context) error {
			got = ctx.Value(key{})
			return nil
		}}
		ctx := context.WithValue(context.Background(), key{}, 7)
		err := task.NewGroup(task.Config{Tasks: []task.Task{f}, Logger: slog.New(slog.DiscardHandler)}).Run(ctx)
		if err != nil || got != 7 {
			t.Errorf("Run = %v, the value is %v; want nil, 7", err, got)
		}
	})
}

// TestGroup_Run_errors stops everything at the first failure and names the tasks
// in the error.
func TestGroup_Run_errors(t *testing.T) {
	tests := []struct {
		name  string
		tasks func(e *events) []task.Task
		want  string // the error
		after time.Duration
	}{
		{"one fails", func(e *events) []task.Task {
			return []task.Task{e.until("meter", time.Second), ends("sink", time.Minute, errDisk)}
		}, "sink: disk on fire", 61 * time.Second},
		{"two fail", func(*events) []task.Task {
			stop := &fake{name: "meter", OnRun: func(ctx context.Context) error {
				<-ctx.Done()
				return errors.New("no ring")
			}}
			return []task.Task{stop, ends("sink", time.Minute, errDisk)}
		}, "meter: no ring\nsink: disk on fire", time.Minute},
		{"one is done", func(e *events) []task.Task {
			return []task.Task{ends("meter", time.Minute, nil), e.until("sink", time.Second)}
		}, "", 61 * time.Second},
		{"all are done", func(*events) []task.Task {
			return []task.Task{ends("meter", time.Minute, nil), ends("sink", time.Minute, nil)}
		}, "", time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				took, err := start(task.Config{Tasks: tt.tasks(new(events)), Timeout: 10 * time.Second}).wait()
				got := ""
				if err != nil {
					got = err.Error()
				}
				if got != tt.want || took != tt.after {
					t.Errorf("Run = %q after %v; want %q after %v", got, took, tt.want, tt.after)
				}
				if tt.want != "" && !errors.Is(err, errDisk) {
					t.Errorf("Run = %v; want it to wrap %v", err, errDisk)
				}
			})
		})
	}
}

// TestGroup_Run_empty waits for the context if there is nothing to run.
func TestGroup_Run_empty(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := start(task.Config{Timeout: time.Minute})
		synctest.Wait()
		g.cancel()
		if took, err := g.wait(); err != nil || took != 0 {
			t.Errorf("Run = %v after %v; want nil at once", err, took)
		}
	})
}

// TestGroup_Run_ready notifies systemd when the last task is ready.
func TestGroup_Run_ready(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var e events
		early, slow := e.until("early", 0), e.until("slow", 0)
		slow.ready = false
		g := start(task.Config{Tasks: []task.Task{slow, early}, Notify: e.notify})
		synctest.Wait()
		if diff := cmp.Diff([]string{"start early", "start slow"}, sorted(e.all())); diff != "" {
			t.Errorf("before mismatch (-want +got):\n%s", diff)
		}
		slow.MarkReady()
		slow.MarkReady()
		synctest.Wait()
		if got := e.all(); got[len(got)-1] != "READY=1" {
			t.Errorf("events = %q; want READY=1 at the end", got)
		}
		g.cancel()
		_, _ = g.wait()
		want := []string{"READY=1", "STOPPING=1", "stop slow", "end slow", "stop early", "end early"}
		if diff := cmp.Diff(want, e.all()[2:]); diff != "" {
			t.Errorf("events mismatch (-want +got):\n%s", diff)
		}
	})
}

func sorted(s []string) []string {
	if len(s) == 2 && s[0] > s[1] {
		s[0], s[1] = s[1], s[0]
	}
	return s
}

// TestGroup_Run_neverReady does not report a readiness that comes with the stop.
func TestGroup_Run_neverReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var e events
		var late *fake
		late = &fake{name: "late", OnRun: func(ctx context.Context) error {
			<-ctx.Done()
			late.MarkReady()
			time.Sleep(time.Second)
			return nil
		}}
		g := start(task.Config{Tasks: []task.Task{late}, Notify: e.notify})
		synctest.Wait()
		g.cancel()
		_, _ = g.wait()
		if diff := cmp.Diff([]string{"STOPPING=1"}, e.all()); diff != "" {
			t.Errorf("states mismatch (-want +got):\n%s", diff)
		}
	})
}

// TestGroup_Run_notifyFails goes on without systemd.
func TestGroup_Run_notifyFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := start(task.Config{Tasks: []task.Task{ends("one", time.Second, nil)},
			Notify: func(string) error { return errDisk }})
		if took, err := g.wait(); err != nil || took != time.Second {
			t.Errorf("Run = %v after %v; want nil after 1s", err, took)
		}
	})
}

// TestGroup_Run_stopWhileReady reports the stop after the readiness, even if
// systemd takes its time.
func TestGroup_Run_stopWhileReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var e events
		g := start(task.Config{Tasks: []task.Task{ends("one", time.Minute, nil)}, Notify: func(state string) error {
			if state == "READY=1" {
				time.Sleep(time.Second)
			}
			return e.notify(state)
		}})
		synctest.Wait()
		g.cancel()
		_, _ = g.wait()
		if diff := cmp.Diff([]string{"READY=1", "STOPPING=1"}, e.all()); diff != "" {
			t.Errorf("states mismatch (-want +got):\n%s", diff)
		}
	})
}
