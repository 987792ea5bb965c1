// Package inventory reads what dom0 says about the qubes and answers which qube an address or a Xen domain belonged to
// at a given moment.
//
// Parse reads one inventory into a Snapshot, Index keeps the mappings with the time they were valid for, File feeds an
// Index from a file that dom0 or an administrator replaces.
//
// # Lines
//
// One qube per line, the columns separated by '|', as qvm-ls in dom0 prints them:
//
//	qvm-ls --raw-data --fields NAME,CLASS,STATE,LABEL,NETVM,IP,IP6,TEMPLATE,PROVIDES_NETWORK,XID,UUID
//
//	work|AppVM|Running|blue|sys-log|10.137.0.6|-|debian-12-minimal|False|4|2a0d7e73-f517-519e-9535-35d779a1a0be
//	vault|AppVM|Halted|black|-|-|-|debian-12-minimal|False|-1|6a234b11-9382-5865-8c65-b7eff8f4c445
//
// A line before the first qube may name the columns, in any order and with '|' or ',' between them:
//
//	#fields NAME|IP|LABEL
//	work|10.137.0.6|blue
//
// Without it, and without Options.Fields, 11 columns are those above and 2 columns are NAME and IP. Any other number is
// an error, because a guess could give a qube the address of its gateway. TAGS (separated by ',') is read as well; the
// other columns that qvm-ls knows are accepted and ignored, and a column that it does not know is an error, because
// qvm-ls prints '-' in every row for such a one and calls it a success. '-' and nothing mean none. Blank lines and other
// lines that begin with '#' are skipped; lines may end in CR LF.
//
// # JSON
//
// A file whose first byte, other than white space, is '{' is JSON:
//
//	{"version": 1, "qubes": [
//	  {"name": "work", "class": "AppVM", "state": "Running", "label": "blue", "netvm": "sys-log",
//	   "ip": "10.137.0.6", "ip6": "fd09:24ef:4179::a89:6", "template": "debian-12-minimal",
//	   "provides_network": false, "xid": 4, "stubdom_xid": -1, "uuid": "2a0d7e73-f517-519e-9535-35d779a1a0be",
//	   "tags": ["client-acme", "created-by-dom0"]}
//	]}
//
// "version", "qubes" and each "name" are required, anything else may be left out or null; "-" is none, as in lines.
// Keys are case-sensitive; one that is not listed here, or is given twice, is an error. JSON is the better form for a
// push, since a file that was cut off is never taken for a complete one.
//
// # Rules for both
//
// Two qubes with the same name, address, live Xen domain id or UUID make the whole inventory invalid: every answer that
// involves them would be a guess. dom0 itself does not stop anybody from setting the same `ip` twice. dom0 and qubes
// without an address are kept. References to other qubes (netvm, template) need not resolve, because dom0 is advised to
// push only the qubes behind this one. An inventory is read as a whole or not at all, and all its problems are reported
// at once.
package inventory
