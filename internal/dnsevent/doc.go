// Package dnsevent defines the record of a DNS query: who asked what, the
// [Outcome], and the reason for it. The resolver writes it, and events, the query
// log and the command line read it, without knowing the server.
//
// A [Queue] carries the records from the server to the one goroutine that writes
// them.
package dnsevent
