// Package quota bounds what one client can make the output store, so that a flood from
// one qube does not push out what is known of the others.
//
// Each client has a token bucket in bytes of events, for all kinds of them together.
// Within it every event goes out as it is. Beyond it, events are counted in a [Summary]
// for each client and dataset instead, so that totals stay exact.
package quota
