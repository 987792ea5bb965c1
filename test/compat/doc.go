// Package compat compares what qubesbeat meters with packetbeat's flows of the
// same captures, and holds for every capture that can be had that no packet is
// lost between reading and reporting. That reading itself agrees with Wireshark
// is tested in internal/capture.
package compat
