// Package transaction makes transaction events (HTTP, DNS, TLS, ... requests
// with their answers) with packetbeat's own analyzers.
//
// The analyzers are code of others that reads hostile bytes, so they stand
// apart: [Analyzers] runs them in one goroutine that takes copies of packets
// from a bounded queue. It puts TCP segments in order, guards every call against
// a panic, and keeps what the analyzers hold within a budget. Their events go
// through [Publisher], which adds packetbeat's common fields and the qubes, to
// the output, in a goroutine of its own. The meter waits for neither.
//
//	feed.Queue ─▶ Analyzers (order, guard, budget) ─▶ Publisher (fields, qubes) ─▶ libbeat
//
// This is the one package below the beater that knows libbeat: packetbeat's
// analyzers speak its types.
package transaction
