// Package tunnelmark recognises the packets of tunnels and of Tor by marks that
// encryption does not hide: fixed bytes, lengths, and the name in a ClientHello.
//
// A mark proposes, and never decides: anyone who writes packets can write these marks. An
// expectation of the user says where a tunnel leads; the marks say what it looks like, and
// what it certainly is not.
//
// All input is hostile. Payloads may be cut, so each function takes the length that the
// payload had on the wire, too. Nothing here panics or allocates.
package tunnelmark
