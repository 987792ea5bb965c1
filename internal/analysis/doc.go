// Package analysis adds up what files of events say: which qube talked to whom and how
// much, which names it asked for, what was refused, what is odd, and what is missing.
//
// An [Analysis] reads each line once, in bounded memory: tables of peers and names keep
// their largest rows, and the others are counted together (see [Table]). So sums over all
// rows are exact, whatever the input, and a row that was ever dropped is a lower bound.
//
// Of flows, final events count. In a file that was written with delta reports, all do;
// such files are recognized (see [Analysis.Read]).
//
// All text is text from outside, as it stood in the file, cut at [MaxText] bytes. It is
// for the writers to make it safe. The same lines in the same order give the same
// Analysis: no clock, no goroutine, no order of maps.
package analysis
