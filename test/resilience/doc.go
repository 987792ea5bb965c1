// Package resilience tests what becomes of the resolver's clients when it is
// killed, when its upstreams are gone, and when nobody takes its events.
package resilience
