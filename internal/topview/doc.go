// Package topview is what `qubesbeat top` shows: a snapshot of the counters of each qube, which
// the beat answers over its socket, the rates between two of them, and the table.
//
// Names in a snapshot come from qubes and servers, and may be hostile. [Model.Draw] and
// [Table] make them harmless; another way to show a [Snapshot] must do so, too.
package topview
