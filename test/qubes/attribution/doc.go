// Package attribution tests that events have the right names while qubes start and stop,
// with the real beat, and with dom0's pushes over the socket of the qrexec service, as late
// as they are in practice.
package attribution
