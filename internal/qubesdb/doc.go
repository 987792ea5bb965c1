// Package qubesdb reads QubesDB, the small database through which dom0 tells a
// qube about itself, over the socket of its daemon (qubes-core-qubesdb,
// include/qubesdb.h), and knows from it what qvm-firewall lets a client do.
package qubesdb
