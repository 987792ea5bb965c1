// Package outputhint says in plain words why an output does not work, and what to do
// next, from the text of an error or of a log line. Each cause is a row of a table, and
// each row has a test with a text that a real server or library has produced.
//
// Texts come from servers that may be hostile. They choose a row and are in no hint.
package outputhint
