// Package guard keeps a panic from ending the program: it ends the work on one
// input only.
//
// A [Keeper] counts the panics of each [Part] of the program, logs each distinct
// stack once, and keeps the input that caused it. A part that panics 100 times
// within a minute is stopped: it would do no good any more.
//
// A loop that must go on with the next input calls a function per batch, because a
// deferred call per packet would cost more than some packets:
//
//	func (r *reader) run() error {
//		for !r.part.Stopped() {
//			r.batch()
//		}
//		return r.part.Err()
//	}
//
//	func (r *reader) batch() {
//		var input []byte
//		defer r.part.Recover(&input)
//		for _, input = range r.receive() {
//			r.part.Probe(input)
//			r.handle(input)
//		}
//	}
//
// The rest of the batch is lost with the input that panics, unless the loop keeps
// its place outside of the function. A goroutine per connection, or a call that is
// not hot, uses [Part.Do].
//
// Whatever is locked or taken while a panic may come must be given back by a
// deferred call, or it stays locked. What a runtime throws, such as a concurrent
// write to a map, cannot be recovered.
package guard
