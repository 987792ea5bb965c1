// Package attribution tests that events carry the right name while qubes come and
// go: the real beat, qubes that start and stop, and dom0's pushes over the socket
// of the qrexec service, as late as they are in practice.
package attribution
