// Package firewall turns what was logged of single packets into verdicts: which
// connection attempt was refused, how often, and where.
//
// A netvm of Qubes logs nothing by itself. qubesbeat's own nft table logs every
// new connection attempt twice: before all filters ([PrefixNew]) and behind them
// ([PrefixPass]). What is logged once only was dropped on the way; an ICMP error
// of our own ([PrefixReject]) tells by whom. ICMP errors alone are no measure:
// the kernel sends six of sixty (icmp_ratelimit). A source address that seems not to be the
// qube's ([PrefixSpoof]) is logged before and behind Qubes' antispoofing in the same way.
//
// It is a domain package: no goroutine, no clock, no I/O.
package firewall
