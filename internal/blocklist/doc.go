// Package blocklist reads lists of names that are to be blocked or allowed, and
// holds them in a table that answers in a fraction of a microsecond which rule
// meets a name.
//
// The table keeps no text: of a name it keeps a 64-bit hash with a seed of this
// process, so that nobody can prepare a name that collides. With a million
// entries, a query of five labels meets a wrong one with a chance of
// 3·10⁻¹³. An entry takes 12.5 bytes, whatever the number of lists it is in.
package blocklist
