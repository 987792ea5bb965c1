// Package dnsserver serves DNS over UDP and TCP (RFC 1035 section 4.2, RFC 7766):
// sockets, batches of system calls, framing and limits on connections. What
// queries mean and how they are answered is up to its [Handler].
//
// A UDP socket is read by one goroutine, 32 datagrams a system call; a query that
// the handler answers at once costs no allocation. Each message is handled in one
// call, where a panic of the handler can be caught: udpSocket.handle and
// tcpConn.handle.
package dnsserver
