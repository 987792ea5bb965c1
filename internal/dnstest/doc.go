// Package dnstest provides upstream DNS servers for tests: a [Server] does what a
// [Handler] says, down to the byte. Handlers can be composed, and a [Gate] orders
// what several of them do without any of them sleeping.
package dnstest
