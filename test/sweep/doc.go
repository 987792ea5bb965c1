// Package sweep replays captures of every kind after bytes of them were changed: the beat
// never crashes, and every line that it writes is an event for the strictest reader.
//
// `go tool mage sweep` runs it over all captures that are there, or over those of the folder
// whose absolute path is in QUBESBEAT_SWEEP; without it, one capture in a hundred is tried.
package sweep
