// Package dnsattack attacks the resolver: with upstreams that lie, stall or send
// nonsense, and with clients that flood, dawdle or ask for what is not theirs.
// After each attack the cache is looked at: it must not hold what the attacker
// has said.
//
//	go test ./test/dnsattack                    (some 20 s)
//	go test -race -short ./test/dnsattack       (without the measurement of latency)
package dnsattack
