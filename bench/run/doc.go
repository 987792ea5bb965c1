// Command run compares qubesbeat with packetbeat, softflowd and nfpcapd on the
// same capture files.
//
// For every input it runs all contenders in turn, as often as there are rounds,
// each round beginning with another contender, so that a disturbance of the
// machine meets all of them. The file is read once before, so that it comes
// from the page cache. Wall time, CPU time and peak resident memory are those
// that the kernel reports for the process (wait4); what the contender says or
// writes of its flows is counted afterwards.
//
// A process inherits the peak resident memory of the program that started it.
// The harness therefore keeps itself small: it makes inputs in a process of
// their own, streams what it reads, and reports the floor below which it cannot
// measure.
package main
