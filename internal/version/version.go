// Package version holds the version of qubesbeat itself, as opposed to that of
// libbeat, which names indices and templates.
package version

// Version is the version of this source tree.
const Version = "0.1.0"

// Product is the name that events carry in observer.product, whatever name the
// beat runs under.
const Product = "qubesbeat"
