// Package outputs tests the outputs with the servers that users have: what arrives is
// what was metered, nothing is refused, and a server that is killed, refuses or is away
// costs no event.
package outputs
