// Package control lets the commands of the command line talk to the resolver,
// the store of packets or the live counters of a running beat, over a socket that only its user can open.
// It is HTTP, so that `curl --unix-socket` can do it, too.
package control
