// Package dnsmsg reads and writes DNS messages (RFC 1035) as a forwarder needs
// them: the query of a client in one pass and without allocation, and the
// answer of an upstream rebuilt record by record, so that nothing that a
// stranger laid out is handed on or kept as it came.
//
// Names are in wire form: labels with their lengths, the root at the end, no
// compression pointers. A name that is compared or looked up is in lower case.
// Nothing here panics on hostile input, no length is trusted, and compression
// pointers lead backwards only.
package dnsmsg
