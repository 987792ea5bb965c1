// Package ring provides a bounded queue between goroutines that allocates nothing
// per element: elements are copied into a ring of fixed size and out of it in
// batches.
//
// A push that finds no room drops the new element, or waits, as the [Config] says.
// The one reader waits for elements, for a deadline, or for [Ring.Wake], so that it
// can do other work at its time without a ticker:
//
//	for !r.Done() {
//		n := r.Pop(batch, held.Next())
//		…
//		held.Check()
//	}
package ring
