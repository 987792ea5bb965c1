// Package baseline remembers what a qube usually does: which destinations, ports and
// fingerprints of TLS clients it uses, how often, and at which hours of the week. How much
// a first contact means follows from how often the qube makes one: the missing mass of Good
// and Turing, which is the share of what was seen exactly once.
//
// A baseline does not hold names, but hashes that are keyed with a secret of the
// installation. It knows packet time only, and has a bound that the caller sets.
package baseline
