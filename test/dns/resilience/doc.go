// Package resilience tests how the resolver's clients fare when it is killed, when its
// upstreams are unreachable, and when its output is.
package resilience
