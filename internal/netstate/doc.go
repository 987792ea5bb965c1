// Package netstate knows this machine's addresses and the names of its interfaces.
//
// Both are read from the kernel when they are asked for and believed for a few
// seconds: they change as uplinks and vifs come and go. Nothing runs in the
// background. All types are safe for concurrent use.
package netstate
