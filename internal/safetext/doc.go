// Package safetext makes text from outside harmless for what shows it: a terminal, a
// log, a row of a table, a spreadsheet, a page of HTML. Names, certificates, records,
// lists, log lines and the errors about them come from servers and qubes that may be
// hostile.
//
// Nothing is removed without a trace. What could move the cursor, end a line, hide or
// reorder what stands beside it is written as an escape that a reader can see: \n, \r,
// \t, \u001b as in JSON, and \xff for a byte that is not UTF-8.
//
// Each sink has one place that calls it: the writers of package cmd for terminals, the
// logger of beater/publish for logs, the rows of internal/querylog for files.
package safetext
