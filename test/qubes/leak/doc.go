// Package leak holds what verification says against real tunnels in the testbed: the programs
// of WireGuard and OpenVPN, nft rules as users write them, and leaks that really happen.
//
// With QUBESBEAT_RECORD=FOLDER each scene is also kept as a capture, with its inventory, its
// settings and the verdicts, for the tests of module/verify, which replay it everywhere.
package leak
