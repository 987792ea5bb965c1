// Package identity tests, from outside, that the program behaves as packetbeat if it has
// that name or configuration: the names that it writes under, the fields that its index
// template maps, the dashboards that read them, and packetbeat's own files and flags. The
// expectations come from packetbeat's sources, which are part of the module, and not from
// this repository.
package identity
