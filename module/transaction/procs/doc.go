// Package procs finds the processes behind this machine's own connections, with
// packetbeat's search through /proc.
package procs
