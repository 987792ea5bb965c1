package transaction

import (
	"reflect"
	"time"
)

// Some analyzers (thrift) finish their events in a goroutine of their own, which
// reads a channel and has no end. What is left in there at the end of a replay
// would be lost, or not, by chance.
const (
	quietFor  = 20 * time.Millisecond // without an event, with empty channels
	quietMost = 2 * time.Second
)

// settle waits until the analyzers' own goroutines have nothing left to do.
func (a *Analyzers) settle() {
	channels := a.channels()
	if len(channels) == 0 {
		return
	}
	last, since := uint64(0), time.Now()
	for end := since.Add(quietMost); time.Now().Before(end); time.Sleep(time.Millisecond) {
		n := a.cfg.Publisher.reported.Load()
		if n != last || waiting(channels) {
			last, since = n, time.Now()
		} else if time.Since(since) > quietFor {
			return
		}
	}
}

func waiting(channels []reflect.Value) bool {
	for _, c := range channels {
		if c.Len() > 0 {
			return true
		}
	}
	return false
}

// channels returns those that the analyzers hold.
func (a *Analyzers) channels() (found []reflect.Value) {
	for _, s := range a.sets {
		for _, p := range s.tcp {
			v := reflect.ValueOf(p.tcp)
			if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
				continue
			}
			for i := range v.Elem().NumField() {
				if f := v.Elem().Field(i); f.Kind() == reflect.Chan && !f.IsNil() {
					found = append(found, f)
				}
			}
		}
	}
	return found
}
