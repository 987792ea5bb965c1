// Package qubesbeat holds the files that are built into the binary. The program
// is in cmd/qubesbeat.
package qubesbeat

import _ "embed"

// Fields are the definitions of all fields, in libbeat's fields.yml format.
//
//go:embed fields.yml
var Fields []byte
