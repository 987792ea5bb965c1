// Package nftpath follows a DNS query of a client, and its answer, through a ruleset of
// nft, and says which rules keep them from the resolver or from the client.
//
// It is a model of the kernel's packet path, for one packet that is known up to what a
// client may choose: all hooks that the packet meets, in the order of their priorities,
// chains of every family and table, jumps, sets, maps and marks. A condition holds, does
// not hold, or cannot be decided: then both are taken as possible, and what follows from
// it is a doubt and not a certainty. What the model does not know is never taken for
// harmless: an expression that it cannot read leaves a doubt.
//
// docs/decisions/0015-status-model.md has the reasons, and why no packet is sent.
package nftpath
