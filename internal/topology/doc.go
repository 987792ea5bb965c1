// Package topology draws how qubes reach the network: as a tree in a terminal, as a table,
// as SVG, Mermaid, DOT and JSON.
//
// A qube has one netvm at most, so the picture is a forest and needs no search for a good
// layout: each level is a column, each leaf a row (see [Map.Place]). All names are taken
// as hostile, and the same Map gives the same bytes.
//
// It is a domain package: no clock, no goroutine, no I/O but the writer that it is given.
package topology
