// Package behaviour finds what is odd in the traffic of qubes, each compared with its own
// past: beacons, tunnels, scans, attempts at other qubes, first contacts and more. An
// [Engine] takes observations in the order of their packets and reports findings, each with
// the numbers that made it and a sentence.
//
// The engine knows no clock but that of the packets, starts no goroutine and opens nothing,
// so the same packets give the same findings, live and replayed. What it remembers is
// bounded, and a qube fills its own share only.
package behaviour
