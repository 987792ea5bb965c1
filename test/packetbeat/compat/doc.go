// Package compat compares the flows and transactions of qubesbeat with packetbeat's of the
// same captures, and checks for all available captures that no packet is lost between
// reading and reporting. Tests in internal/capture compare the reading with Wireshark.
package compat
