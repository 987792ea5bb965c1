//go:build linux

// Package live_test runs the beat, as the program that users install, in the
// sys-log of a testbed and compares its events with what the kernel counted
// and with what the clients did:
//
//	QUBESBEAT_NET=1 go test ./test/live                      (as root)
//	QUBESBEAT_NET=1 unshare -Urnm go test ./test/live        (as anybody)
//
// QUBESBEAT_BIN names a binary to test; else ./cmd/qubesbeat is built.
package live_test
