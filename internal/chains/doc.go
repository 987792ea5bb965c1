// Package chains knows the nft rules that qubesbeat needs in a netvm of Qubes OS
// R4.2 and R4.3, compares them with what is there, and makes the commands that
// bring them in and take them away.
//
// They are chains and a table of their own, which Qubes never touches: dnat-dns,
// qubes-firewall and the per-qube chains are made anew all the time
// (qubes-core-agent-linux, network/qubes-setup-dnat-to-ns, qubesagent/firewall.py).
// The one rule in a chain of others is a jump in custom-input, which Qubes leaves
// to its users.
//
// Every rule carries a comment with a digest of the part that it belongs to, so that
// "in force" means these rules, whole, and not just something by that name.
package chains
