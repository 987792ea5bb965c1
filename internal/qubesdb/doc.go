// Package qubesdb reads QubesDB, the small database through which dom0 configures a qube,
// over the socket of its daemon (qubes-core-qubesdb, include/qubesdb.h), and derives from
// it whether qvm-firewall accepts the DNS of a client.
package qubesdb
