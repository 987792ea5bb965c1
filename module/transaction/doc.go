// Package transaction makes transaction events (HTTP, DNS, TLS, ... requests with
// their responses) with packetbeat's own protocol analyzers.
//
// [Service] is the part of the beat that does so. The analyzers are not our code
// and parse hostile input, so they run in a second process of the same program:
//
//	meter ─▶ feed ─▶ supervisor ─▶ wire ─▶ analyzer   (the other process)
//	libbeat ◀─ publisher ◀─ supervisor ◀─ wire ◀──┘
//
// Package feed copies the packets that an analyzer wants, package supervisor starts
// the process and replaces it if it dies, package wire is the protocol between the
// two, and package analyzer is what runs in the other one. The publisher, in this
// package, adds the qubes to the events and passes them to libbeat's pipeline. The
// meter waits for none of them.
//
// These packages are the only ones below the beater that import Elastic's code, for
// packetbeat's analyzers use its types.
package transaction
