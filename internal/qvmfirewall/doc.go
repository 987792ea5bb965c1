// Package qvmfirewall reads the rules of qvm-firewall as a netvm has them in QubesDB, below /qubes-firewall/ADDRESS/, and says
// what they do with a packet: the first rule that matches decides, otherwise the policy.
//
// It follows qubes-core-agent-linux, qubesagent/firewall.py, and refuses what that refuses, and words and values that it does
// not know, for whose meaning it could not speak. The form of the entries is that of qubes-doc,
// developer/debugging/vm-interface. The values are safe for concurrent use as long as no one changes them.
package qvmfirewall
