// Package qube provides the words of Qubes OS that the rest of qubesbeat speaks: a qube with its name, label, class and
// addresses, the rules that dom0 holds names and labels to, and the numbering of the interfaces that lead to a qube.
//
// It is a domain package: values and rules only, no goroutine, no clock and no I/O. What the rules are is decided by
// QubesOS/qubes-core-admin (names, labels, classes) and QubesOS/qubes-core-agent-linux (interfaces); each rule names
// the file that it follows. How a set of qubes reaches this machine is the business of package inventory.
package qube
