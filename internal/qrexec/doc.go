// Package qrexec answers the calls of dom0 to a qrexec service, on the Unix socket that /etc/qubes-rpc/SERVICE links to
// (qubes-core-qrexec, doc/qrexec-socket-services.rst).
//
// Only dom0 may call: its name is in the descriptor, which qrexec-agent writes, and the process at the other end must be
// root's. Calls are served one at a time, at most 20 a second, each with limits of size and time, and get no reply.
package qrexec
