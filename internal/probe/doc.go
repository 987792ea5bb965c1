// Package probe reads what dom0 announces when it has a qube send canaries, and knows what they look like.
//
// A canary is a packet to an address of documentation, which no one has, with a nonce of dom0 in it and a time to live that
// ends in the logging qube. Where it comes out shows by which way the traffic of the qube leaves: in the tunnel, where only
// its size can be seen, in clear, or not at all. docs/probes.md has the code points, for people; packaging/dom0/qubesbeat-probe
// sends. The input comes from dom0 alone, and is parsed as if it were hostile.
//
// It knows the standard library only, holds no state, and is safe for concurrent use.
package probe
