// Package nftpath follows a packet through an nftables ruleset, as `nft -j list ruleset`
// prints it: which chains see it, in which order, and which rule decides.
//
// It is a model, and it says so where it does not know: a rule with an expression that it
// cannot evaluate may match or not. [Trace] then returns Unknown with that rule, unless
// the outcome is the same either way.
package nftpath
