// Package dom0 stands in for what the scripts in dom0 meet there: a [Qubesd] that answers
// about a [World], to the byte as those of Qubes OS 4.2 and 4.3 did where there are their
// answers, and writes the stream of its events; and a [QvmRun], which keeps what it is given.
package dom0
