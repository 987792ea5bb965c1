// Package resolver is a forwarding DNS resolver (RFC 9499 section 6) that answers
// each qube by that qube's policy and logs the outcome of every query.
//
// It is the [dnsserver.Handler] of a server that it owns. A query takes these
// steps, each in a file of its own: session.go takes it from the server; admit.go
// limits how much one client may ask; decide.go answers what needs no upstream
// (refused by qvm-firewall, filtered, local, blocked, cached) without allocation;
// job.go waits for an upstream, which inflight.go asks once for all clients with
// the same question; inspect.go checks what comes back, store.go keeps it in the
// cache, and record.go pushes the outcome to the log, which never blocks.
package resolver
