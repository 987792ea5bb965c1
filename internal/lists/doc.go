// Package lists brings lists of names from where they are published into a
// [blocklist.Table], and keeps the last good copy of each on disk.
//
// A start needs no network: what is on disk is in force at once. A source that
// cannot be had, or that has shrunk to less than half, changes nothing: what it
// said last stays in force, and [Manager.Status] tells.
package lists
