// Package lists reads lists of names from their sources into a [blocklist.Table],
// and keeps the last good copy of each on disk.
//
// A start needs no network: the copies on disk are used at once. If a source is
// unavailable or has shrunk to less than half, the previous copy stays in use and
// [Manager.Status] reports why.
package lists
