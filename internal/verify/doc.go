// Package verify judges what the qubes send against what the user expects of them: that
// one reaches the Internet through its VPN only, that another uses Tor, that no qube
// reaches another.
//
// A [Verifier] is shown every packet and works in packet time, so that a capture that is
// read again gives the same verdicts. It keeps evidence in fixed structs, one for each
// check and vif, and never more than it has room for: a qube that floods costs a counter.
//
// A pass needs an expectation, packets that agree with it, none against it, and no loss;
// whatever is missing makes the verdict unknown, with one of a closed list of reasons. One
// packet is enough for a fail.
//
// What a packet is about is decided by the vif that it came in on, never by its source
// address: no qube can change the verdict of another.
package verify
