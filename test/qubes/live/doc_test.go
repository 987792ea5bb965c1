//go:build linux

// Package live_test runs the beat, as the program that users install, in the sys-log of a
// testbed and compares its events with the counters of the kernel and with what the clients
// did:
//
//	QUBESBEAT_NET=1 go test ./test/qubes/live                      (as root)
//	QUBESBEAT_NET=1 unshare -Urnm go test ./test/qubes/live        (as any user)
//
// QUBESBEAT_BIN names a binary to test; by default, ./cmd/qubesbeat is built.
package live_test
