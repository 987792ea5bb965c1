// Package nftrules knows the nft rules that qubesbeat needs in a netvm of Qubes OS
// R4.2 and R4.3, compares them with the ruleset of the machine, and makes the
// commands that install and remove them.
//
// The rules stand in chains and in a table of our own, which Qubes never touches:
// it rebuilds dnat-dns, qubes-firewall and the per-qube chains constantly
// (qubes-core-agent-linux, network/qubes-setup-dnat-to-ns, qubesagent/firewall.py).
// The only rule in a chain that is not ours is a jump in custom-input, a chain that
// Qubes leaves to its users.
//
// Every rule carries a comment with a digest of the rule set that it belongs to, so
// that a rule set counts as installed only if exactly these rules are there, and not
// just something of the same name.
package nftrules
