// Package querylog writes blocky's query log: one file for each qube and day,
// eleven columns separated by tabs, so that what reads blocky's files reads ours.
//
// The columns are: time, address of the client, its names, milliseconds, reason,
// question, answers, code, response type, type of the question, instance.
//
// Names and answers are chosen by others. No column has a byte other than printable
// ASCII, and none begins like a formula of a spreadsheet: see package safetext. The
// files of a directory are bounded, and so is the share of each qube.
package querylog
