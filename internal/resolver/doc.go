// Package resolver answers the DNS of the qubes: a forwarding resolver that
// knows who asks, decides by that qube's policy, and tells of every query what
// became of it.
//
// The way of a query, each step in a file of its own: a reader ([Resolver.Serve])
// takes it from a socket; admit.go bounds how much one qube may ask; decide.go
// answers what needs no upstream (refused by qvm-firewall, filtered, local,
// blocked, cached) on the reader, without allocation; miss.go asks an upstream,
// once for all who want to know the same, and inspect.go looks at what it says;
// log.go takes a note of the outcome, which never waits for anybody.
package resolver
