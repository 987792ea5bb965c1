// Package htmlreport writes an [analysis.Analysis] as one HTML file that loads nothing and
// runs nothing, and its tables as CSV.
//
// The file has no script and no style attribute: its Content-Security-Policy allows one
// style sheet by its hash, and nothing else. Widths and shades are classes. SVG is an
// addition: all that a drawing shows is in a table, too, for browsers that draw none, such
// as Tor Browser at its level Safest.
//
// All text of events is hostile. Characters that are not visible are shown as escapes
// ([safetext.Line]), html/template escapes the rest, and no text of an event comes into an
// attribute: ids are numbers, classes are from fixed lists, and the only links are to
// parts of the file. The same Analysis gives the same bytes.
package htmlreport
