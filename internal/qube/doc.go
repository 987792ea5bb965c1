// Package qube defines a qube with its name, label, class and addresses, the rules that dom0 enforces for names and
// labels, and the names of the interfaces that lead to a qube.
//
// It is a domain package: values and rules only, no goroutine, no clock and no I/O. The rules are those of
// QubesOS/qubes-core-admin (names, labels, classes) and QubesOS/qubes-core-agent-linux (interfaces); each of them cites
// the file that it follows. Package inventory brings a set of qubes to this machine.
package qube
