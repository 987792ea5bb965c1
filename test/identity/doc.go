// Package identity tests, from outside, that the program is packetbeat wherever
// it is called so or configured so: the names that it writes under, the fields
// that its index template maps, the dashboards that read them, and packetbeat's
// own files and flags. What it expects it reads from packetbeat's sources, which
// come with the module, and not from this repository's.
package identity
