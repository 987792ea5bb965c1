// Package firewall derives verdicts from single packets that were logged: which
// connection attempts were refused, how often, and where.
//
// A netvm of Qubes logs nothing by itself. qubesbeat's nft table logs every new
// connection attempt twice: before all filters ([PrefixNew]) and after them
// ([PrefixPass]). An attempt that is logged only once was dropped in between; an
// ICMP error of the netvm ([PrefixReject]) shows by which rule. ICMP errors alone are
// not enough, because the kernel limits their rate (icmp_ratelimit): it may send
// six for sixty packets. Packets whose source address does not seem to be the
// qube's ([PrefixSpoof]) are logged before and after Qubes' antispoofing in the same
// way.
//
// It is a domain package: no goroutines, no clock, no I/O.
package firewall
