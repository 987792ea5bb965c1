// Package live runs the beat, as the program that users install, in the sys-log of a
// testbed and compares its events with the counters of the kernel and with what the clients
// did.
package live
