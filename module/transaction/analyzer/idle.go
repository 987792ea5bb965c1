package analyzer

import (
	"reflect"
	"time"
)

// Some analyzers (thrift) finish their events in a goroutine that reads a channel
// and never ends. Without waiting for it, it would be left to chance whether the
// last events of a replay are reported.
const (
	idleFor  = 20 * time.Millisecond // without an event, with empty channels
	idleWait = 2 * time.Second       // at most
)

// waitIdle waits until the analyzers' own goroutines have nothing left to do.
func (a *analyzers) waitIdle() {
	channels := a.channels()
	if len(channels) == 0 {
		return
	}
	last, since := uint64(0), time.Now()
	for end := since.Add(idleWait); time.Now().Before(end); time.Sleep(time.Millisecond) {
		n := a.reporter.reported.Load()
		if n != last || anyFilled(channels) {
			last, since = n, time.Now()
		} else if time.Since(since) > idleFor {
			return
		}
	}
}

// anyFilled reports whether a channel has something to read.
func anyFilled(channels []reflect.Value) bool {
	for _, c := range channels {
		if c.Len() > 0 {
			return true
		}
	}
	return false
}

// channels returns the channels that the analyzers of TCP hold.
func (a *analyzers) channels() (found []reflect.Value) {
	for _, s := range a.sets {
		for _, p := range s.tcp {
			found = append(found, channelsOf(reflect.ValueOf(p.tcp))...)
		}
	}
	return found
}

func channelsOf(v reflect.Value) (found []reflect.Value) {
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil
	}
	for i := range v.Elem().NumField() {
		if f := v.Elem().Field(i); f.Kind() == reflect.Chan && !f.IsNil() {
			found = append(found, f)
		}
	}
	return found
}
