// Package flow meters packets into bidirectional flows (RFC 5103) and reports
// each of them as a [Record].
//
// [Table.Update] meters one decoded packet, [Table.Advance] moves the clock of a
// [Table] on when no packet comes, and [Table.Flush] ends all live flows. Time is
// the time of the packets: the package reads no clock, starts no goroutine and
// does no I/O, so a capture gives the same records on every run.
//
// The terms are those of RFC 7011 and its information elements: a flow has an
// initiator (the source of its record), an idle and an active timeout, and an
// end reason.
//
//	packet ─▶ Key ─▶ index (open addressing) ─▶ entry ─▶ Record ─▶ Config.Report
//	                                             │  ▲
//	                                             ▼  │ one timer per flow,
//	                                            wheel  re-armed when it fires
//
// The per-packet path allocates nothing, takes no lock and relinks no list: a
// packet writes into the entry of its flow and nowhere else. An entry and its
// share of the index take less than 256 bytes.
package flow
