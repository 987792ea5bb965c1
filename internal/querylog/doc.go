// Package querylog writes blocky's query log: one file for each qube and day,
// eleven columns separated by tabs, so that what reads blocky's files reads ours.
//
// The columns are: time, address of the client, its names, milliseconds, reason,
// question, answers, code, response type, type of the question, instance.
package querylog
