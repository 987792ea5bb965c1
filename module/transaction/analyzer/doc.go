// Package analyzer runs packetbeat's protocol analyzers (HTTP, DNS, TLS, ...), in a
// process that does nothing else: see [Main].
//
// The analyzers are not our code and parse hostile input. Around them this package
// keeps a table of TCP connections that passes them segments in order, recovers
// from their panics, and keeps what they hold within a budget of memory. What it
// cannot prevent, an allocation beyond all memory or an endless loop, ends the
// process; package supervisor starts a new one.
//
//	stdin ─▶ child ─▶ Analyzers (order, guard, budget) ─▶ analyzer ─▶ reporter ─▶ stdout
//
// The analyzers have no locks: all of them run in one goroutine, and only their
// timers report events from others.
package analyzer
