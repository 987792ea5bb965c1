// Package inventory reads dom0's list of qubes and finds the qube that an address or a Xen domain belonged to at a given
// moment.
//
// Parse reads one inventory into a Snapshot, an Index keeps the mappings with the periods in which they were valid, a File
// updates an Index from a file that dom0 or an administrator replaces, and a Receiver takes what dom0 pushes.
//
// A push goes through the disk: the Receiver checks the inventory, stores it, and the File reads and parses it again. The
// detour is intended. The stored file makes names known from the first packet after a restart, before dom0 pushes again;
// a push, a file that an administrator edits, and the program `qubesbeat inventory receive` all take one path into the
// Index; and only a valid inventory replaces the file, so that a restart never depends on a bad one. Parsing twice costs
// a few milliseconds with each push.
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
// Without it, and without Config.Fields, 11 columns are those above and 2 columns are NAME and IP. Any other number is an
// error, because a guess could give a qube the address of its gateway. TAGS (separated by ',') is read as well. Other
// columns of qvm-ls are accepted and ignored; a column that qvm-ls does not know is an error, because qvm-ls prints '-'
// for it in every row and reports success. An empty column and '-' mean none. Blank lines and other lines that begin with
// '#' are skipped; lines may end in CR LF.
//
// # JSON
//
// A file whose first byte, other than white space, is '{' is JSON:
//
//	{"version": 1, "qubes": [
//	  {"name": "work", "class": "AppVM", "state": "Running", "label": "blue", "netvm": "sys-log",
//	   "ip": "10.137.0.6", "ip6": "fd09:24ef:4179::a89:6", "template": "debian-12-minimal",
//	   "provides_network": false, "xid": 4, "stubdom_xid": -1, "uuid": "2a0d7e73-f517-519e-9535-35d779a1a0be",
//	   "exit": "tor", "tags": ["client-acme", "created-by-dom0"]}
//	]}
//
// "version", "qubes" and each "name" are required, everything else may be left out or null; "-" means none, as in lines.
// Keys are case-sensitive; an unknown or repeated key is an error. JSON is the better format for a push, since a truncated
// file is never mistaken for a complete one.
//
// # Rules for both
//
// Two qubes with the same name, address, live Xen domain id or UUID make the whole inventory invalid: every lookup that
// involves them would be a guess. dom0 does not prevent users from setting the same `ip` twice. dom0 and qubes without an
// address are kept. References to other qubes (netvm, template) need not resolve, because dom0 should push only the qubes
// that are connected to this one. An inventory is accepted as a whole or not at all, and all its problems are reported at
// once.
package inventory
