// Package qubesbeat holds the files that are built into the binary. The program
// is in cmd/qubesbeat.
package qubesbeat

import _ "embed"

// Fields are the definitions of the fields that packetbeat does not have, in
// libbeat's fields.yml format, compressed with zlib.
//
//go:embed fields.zlib
var Fields []byte

// Dashboards are packetbeat's dashboards for Kibana, and our own: a zip file, compressed
// with zstd, of the folder that `setup --dashboards` reads.
//
//go:embed kibana.zip.zst
var Dashboards []byte
