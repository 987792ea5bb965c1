// Package outputcheck is `qubesbeat test output` for the outputs of libbeat that reach a
// server. It goes on where libbeat's own test ends: it talks the server's protocol,
// through the TLS and with the user of the configuration, and explains each failure with
// the package outputhint. It sends no event.
//
// It is not safe for concurrent use.
package outputcheck
