// Package dropin runs packetbeat and qubesbeat side by side, as programs, with
// one packetbeat.yml, and holds that the second can take the place of the first:
//
//	QUBESBEAT_NET=1 go test ./test/packetbeat/dropin                             (as root)
//	QUBESBEAT_NET=1 unshare -Urnm go test ./test/packetbeat/dropin               (as any user)
//	QUBESBEAT_NET=1 go test -v -run same ./test/packetbeat/dropin -live 60s      (longer)
//	QUBESBEAT_NET=1 go test -v -run sweep ./test/packetbeat/dropin -sweep 20000  (more variants)
//
// There are three groups of tests. TestLive_sameTransactions lets both capture
// the same traffic at the same time and compares their transactions. The tests
// TestFault have two halves each: packetbeat has the fault, ours has not. The
// tests TestHostile give the analyzers, which are packetbeat's own in both
// programs, what they cannot digest.
//
// QUBESBEAT_BIN and PACKETBEAT name programs to test; else they are built, the
// latter from bench/packetbeat, which needs a C compiler and the headers of
// libpcap. Without it only the halves that are about it are left out.
package dropin
