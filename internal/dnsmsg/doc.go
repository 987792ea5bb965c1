// Package dnsmsg reads and writes DNS messages (RFC 1035) as a forwarder needs
// them: it parses the query of a client in one pass and without allocation, and
// rebuilds the answer of an upstream record by record, so that the layout of a
// message that a stranger made is neither forwarded nor cached.
//
// Names are in wire form: labels with their lengths, ending with the root label,
// without compression pointers. A name that is compared or looked up is in lower
// case. Nothing here panics on hostile input, no length is trusted, and
// compression pointers are followed only backwards.
package dnsmsg
