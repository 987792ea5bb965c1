// Package dnsview knows which names lie behind the addresses that the qubes talk
// to, from the answers that each of them has been given, and which of their flows
// go around that: connections to addresses that no answer has named, and DNS that
// does not go through the resolver.
package dnsview
