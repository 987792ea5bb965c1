// Package racing says whether the race detector is on, under which simulations take ten times as
// long. What has one goroutine only may do a part of them then: the whole is done without it.
package racing
