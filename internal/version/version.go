// Package version holds the version of qubesbeat, as opposed to that of libbeat, which is
// part of the names of indices and templates.
package version

// Version is the version of this source tree.
const Version = "0.1.0"

// Product is the value of observer.product in events, regardless of the name that the beat
// runs under.
const Product = "qubesbeat"
