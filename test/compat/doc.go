// Package compat compares what qubesbeat meters with what others say of the same
// captures: packetbeat's flows, and the packet and byte counts of Wireshark.
package compat
