// Package eventfile writes events into files, one JSON document a line, for analysis
// elsewhere, and reads them again.
//
// The file in use is NAME.ndjson. When it is full it is closed, synced and renamed to
// NAME-HOST-TIME.ndjson, TIME being that of the renaming in UTC; such a name means that
// the file is complete, and it is never used again. So a program that collects files
// takes those with a time in their name, in the order of their names, and files of
// several machines can share a folder.
//
// A [Writer] deletes its oldest complete files when all together exceed a number of
// bytes, and only then: a start, a full disk or another program's files delete nothing.
// It stops writing before the file system is full, never leaves part of a line, and
// notices when the file in use was moved or removed. What it could not write is
// counted in [Stats].
//
// [Open] opens a file of events for reading, also one that was compressed since, and
// [Lines] reads it line by line in bounded memory. A [Parser] reads a line as an [Event],
// and [Fields] takes chosen fields from it without decoding the others. The files may
// come from elsewhere: their text is hostile.
package eventfile
