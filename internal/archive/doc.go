// Package archive keeps finished files of events in another qube, so that an attacker
// in the one that made them can neither read what was archived nor change it.
//
// [Send] offers the complete files of a folder over a byte stream, such as a qrexec call,
// oldest first, and calls a file archived only once the other side has acknowledged it.
// [Receive] is that other side. It believes nothing: a file must have the size and the
// digest that were announced, each line must be an event, an event that is there already
// is not stored again, and nothing is ever overwritten or deleted.
//
// The folder of a sender holds
//
//	manifest                  one line of JSON for each file, see [Entry]
//	00000001-NAME.ndjson.zst  the events, in the order in which they came
//	00000001-NAME.ids         how an event that is there already is recognized
//
// An entry of the manifest names the digest of its file and that of the entry before, so
// that [Verify] notices any change, and a reader who has noted the last digest notices
// that entries were cut off. A file belongs to the archive once its entry is on the disk: what a crash
// leaves before that moment is removed at the next start, and sent again.
package archive
