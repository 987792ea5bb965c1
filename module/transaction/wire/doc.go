// Package wire defines what passes between the beat and the process of its
// protocol analyzers.
//
// The processes are connected by two pipes, standard input and output of the
// analyzers' process, and by a counter in shared memory, its file 3. Messages have
// a kind, a length of four bytes (little endian) and a body:
//
//	beat ─▶ analyzers   Config (YAML, first), then packets and interface names
//	beat ◀─ analyzers   Ready or Fault, then events (CBOR), panics and Stats (YAML)
//
// Both ends are the same program. What is read is validated nevertheless, since
// the analyzers' process has parsed hostile input.
package wire
