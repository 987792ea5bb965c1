// Package eventimport reads files of events and hands the events on, as they are, to an
// output that acknowledges them.
//
// Nothing that is read is kept but what is on its way: [Import] waits before more than
// some bytes are, so that memory is bounded whatever the output does. A [State] remembers
// how far each file was acknowledged, for outputs that would take an event twice.
package eventimport
